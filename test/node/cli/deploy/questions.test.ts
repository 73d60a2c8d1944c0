import { once } from "node:events";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { questionsAt } from "../../../../src/cli/deploy/questions.ts";

function begin(onCtrlC: () => void = () => undefined) {
  const stdin = new PassThrough();
  const stdout = new PassThrough({ encoding: "utf8" });
  return { stdin, stdout, questions: questionsAt(stdin, stdout, onCtrlC) };
}

describe.each(["ask", "askSecret"] as const)("a question at a terminal: %s", (ask) => {
  it("is answered by a line, without the blanks around it", async () => {
    const { stdin, stdout, questions } = begin();
    const answer = questions[ask]("Which one? ");
    expect(await once(stdout, "data")).toEqual(["Which one? "]);
    stdin.write(" the second \n");
    expect(await answer).toBe("the second");
  });

  it("ends the run when its input ends", async () => {
    const { stdin, questions } = begin();
    const answer = questions[ask]("Which one? ");
    stdin.end();
    await expect(answer).rejects.toThrow("The question was not answered.");
  });
});

it("is told of Ctrl-C, and takes Ctrl-D for no answer", async () => {
  const { promise: interrupted, resolve } = Promise.withResolvers<void>();
  const { stdin, questions } = begin(resolve);
  const answer = questions.askSecret("ADMIN_TOKEN: ");
  stdin.write("\u0003");
  await interrupted;
  stdin.write("\u0004");
  await expect(answer).rejects.toThrow("The question was not answered.");
});

it("does not show a secret while it is typed", async () => {
  const { stdin, stdout, questions } = begin();
  const answer = questions.askSecret("ADMIN_TOKEN: ");
  stdin.write("secret-that-is-typed\n");
  expect(await answer).toBe("secret-that-is-typed");
  expect(stdout.read()).toBe("ADMIN_TOKEN: \n");
});
