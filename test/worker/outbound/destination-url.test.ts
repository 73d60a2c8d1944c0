import { describe, expect, it } from "vitest";
import { destinationUrlFault, readDestinationUrl } from "../../../src/outbound/destination-url.ts";

const fault = (url: string, allowPrivate = false) => destinationUrlFault(url, { allowPrivate });

describe("a destination's URL", () => {
  it.each([
    "https://example.com/hook",
    "https://example.com:8443/hook?destination=1",
    "https://93.184.216.34/hook",
    "https://[2606:2800:220:1:248:1893:25c8:1946]/",
    "https://bücher.example.com/",
    "https://localhost.example.com/",
  ])("may be %s", (url) => {
    expect(fault(url)).toBeNull();
  });

  it.each(["", "destination", "/hook", "https://", "http//x", "https://256.1.1.1/", "https://[::1/"])(
    "is none: %j",
    (url) => {
      expect(fault(url)).toBe("must be a URL");
    },
  );

  it.each(["http://example.com/", "ftp://example.com/", "javascript:alert(1)", "file:///etc/passwd", "data:,x"])(
    "may not have the scheme of %s",
    (url) => {
      expect(fault(url)).toBe("must start with https://");
    },
  );

  it("may not have the port 0", () => {
    expect(fault("https://example.com:0/")).toBe("must not have the port 0");
  });

  it.each(["https://user@example.com/", "https://:password@example.com/", "https://user:password@example.com/"])(
    "may not hold credentials: %s",
    (url) => {
      expect(fault(url)).toBe("must not hold credentials");
      expect(fault(url, true)).toBe("must not hold credentials");
    },
  );

  it.each([
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://destination.localhost/",
    "https://localhost.localdomain/",
    "https://router.local/",
    "https://metadata.google.internal/",
    "https://metadata/",
    "https://nas.home.arpa/",
    "https://127.0.0.1/",
    "https://127.0.0.1./",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://①②⑦.0.0.1/",
    "https://%31%32%37.0.0.1/",
    "https://0.0.0.0/",
    "https://0/",
    "https://10.1.2.3/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://192.0.0.192/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[::]/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
  ])("may not lead to %s", (url) => {
    expect(fault(url)).toBe("must lead to a public host");
  });

  it.each(["http://localhost:3000/", "http://127.0.0.1:3000/", "https://[::1]/", "http://example.com/"])(
    "may lead to %s where private destinations are allowed",
    (url) => {
      expect(fault(url, true)).toBeNull();
    },
  );
});

describe("a destination's URL is kept", () => {
  const read = (text: string) => readDestinationUrl(text, { allowPrivate: false });

  it.each([
    ["https://example.com/h", "https://example.com/h"],
    [" https://example.com/h ", "https://example.com/h"],
    ["\thttps://example.com/h\r\n", "https://example.com/h"],
    ["HTTPS://Example.COM", "https://example.com/"],
    ["https://example.com:443/h", "https://example.com/h"],
    ["https://example.com/a/../b?c=é", "https://example.com/b?c=%C3%A9"],
    ["https://bücher.example.com/", "https://xn--bcher-kva.example.com/"],
    ["https://93.184.0x2216/", "https://93.184.34.22/"],
  ])("of %j as %s", (text, url) => {
    expect(read(text)).toEqual({ url, fault: null });
    expect(read(url)).toEqual({ url, fault: null });
  });

  it.each([
    "https://example.com/a b",
    "https://exam\nple.com/h",
    "https://example.com/\th",
    "https://example.com/\r\nh",
    "https://example.com/\u0000",
    "https://example.com/\u00a0h",
  ])("not with a blank or a line break within: %j", (text) => {
    expect(read(text)).toEqual({ url: null, fault: "must not hold blanks or line breaks" });
  });

  it.each(["https://example.com/h#x", "https://example.com/h#"])("not with what is never sent: %s", (text) => {
    expect(read(text)).toEqual({ url: null, fault: "must not have a fragment (#…): it is never sent" });
  });

  it("of 2,048 characters at most, as it is written then", () => {
    const url = `https://example.com/${"x".repeat(2_028)}`;
    expect(read(url)).toEqual({ url, fault: null });
    const fault = "must have at most 2048 characters, encoded";
    expect(read(`${url}x`)).toEqual({ url: null, fault });
    expect(read(`https://example.com/${"é".repeat(700)}`)).toEqual({ url: null, fault });
  });

  it("where it may lead alone", () => {
    expect(read(" https://127.1/ ")).toEqual({ url: null, fault: "must lead to a public host" });
    expect(read("")).toEqual({ url: null, fault: "must be a URL" });
  });
});
