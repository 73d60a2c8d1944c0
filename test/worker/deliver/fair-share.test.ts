import { expect, it } from "vitest";
import { FairShare } from "../../../src/deliver/fair-share.ts";

/** Jobs by names: "a1" is the first at the destination a. */
const jobs = (names: string) => names.split(" ").map((name) => ({ name, destination: { id: name.slice(0, 1) } }));

const begin = (share: FairShare<ReturnType<typeof jobs>[number]>, count: number) =>
  Array.from({ length: count }, () => share.begin()?.name);

it("jobs of one destination begin in their order", () => {
  expect(begin(new FairShare(jobs("a1 a2 a3")), 4)).toEqual(["a1", "a2", "a3", undefined]);
});

it("destinations take turns, however many jobs one has", () => {
  expect(begin(new FairShare(jobs("a1 a2 a3 a4 b1 b2 c1")), 7)).toEqual(["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
});

it("a destination whose calls have ended comes before one whose calls are in flight", () => {
  const [a1, ...others] = jobs("a1 a2 a3 b1 b2");
  if (a1 === undefined) throw new Error("There is no job");
  const share = new FairShare([a1, ...others]);
  expect(begin(share, 2)).toEqual(["a1", "b1"]);
  share.finish(a1);
  expect(begin(share, 3)).toEqual(["a2", "b2", "a3"]);
});

it("a destination that is stopped begins nothing more, and its jobs are left", () => {
  const all = jobs("a1 a2 b1");
  const share = new FairShare(all);
  expect(begin(share, 1)).toEqual(["a1"]);
  share.stop({ name: "a1", destination: { id: "a" } });
  expect(begin(share, 2)).toEqual(["b1", undefined]);
  expect(share.rest().map(({ job, isStopped }) => [job.name, isStopped])).toEqual([["a2", true]]);
});
