// Preloaded into every process that the local server consists of: when its parent is killed, however rudely, it ends as
// well, and with it the runtime and the port that the next start needs.

const parent = process.ppid;

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, "SIGTERM");
}, 500).unref();
