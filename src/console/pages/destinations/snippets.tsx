import go from "../../assets/snippets/go.txt";
import node from "../../assets/snippets/node.txt";
import php from "../../assets/snippets/php.txt";
import python from "../../assets/snippets/python.txt";
import ruby from "../../assets/snippets/ruby.txt";

const languages = [
  { id: "node", name: "Node", text: node },
  { id: "python", name: "Python", text: python },
  { id: "go", name: "Go", text: go },
  { id: "php", name: "PHP", text: php },
  { id: "ruby", name: "Ruby", text: ruby },
];

/** How a destination tells the relay from anybody else. A test runs each of them. */
export function Snippets() {
  return (
    <section aria-labelledby="verify" class="snippets">
      <h2 id="verify">How the destination verifies what it gets</h2>
      <p class="help">
        With a library of Standard Webhooks, or by hand, on the raw body. The destination answers with any 2xx, and
        drops what bears a <code>webhook-id</code> that it has had already.
      </p>
      {languages.map(({ id, name, text }, index) => (
        <details open={index === 0}>
          <summary>{name}</summary>
          <pre tabindex={0} aria-label={`Verification in ${name}`} role="region">
            <code id={`snippet-${id}`}>{text}</code>
          </pre>
          <button type="button" class="button button-plain" data-copy={`snippet-${id}`} hidden>
            Copy
          </button>
        </details>
      ))}
    </section>
  );
}
