import type { Database } from "./databases.ts";
import type { Queue } from "./queues.ts";
import type { Script } from "./scripts.ts";

/** An account: what it has, by name. */
export class Account {
  readonly id: string;
  readonly name: string;
  /** Under workers.dev; null until one is registered. */
  subdomain: string | null;
  readonly queues = new Map<string, Queue>();
  readonly databases = new Map<string, Database>();
  readonly scripts = new Map<string, Script>();
  /** Stands for the internet of the Workers that are served; undefined: it is that of this machine. */
  internet: ((request: Request) => Promise<Response>) | undefined;

  constructor(id: string, name: string, subdomain: string | null) {
    this.id = id;
    this.name = name;
    this.subdomain = subdomain;
  }

  queueById(id: string): Queue | undefined {
    return [...this.queues.values()].find(({ queue_id }) => queue_id === id);
  }

  database(idOrName: string): Database | undefined {
    return [...this.databases.values()].find(({ uuid, name }) => uuid === idOrName || name === idOrName);
  }
}
