import type { Page } from "./wire";

/** The server's answer. Status 0: it could not be asked, or said nothing in time. */
export interface Answer {
  status: number;
  /** What `Retry-After` asks for, in seconds; 0 where it asks nothing. */
  retryAfterS: number;
  /** The answer's body; "" where there was none. */
  text: string;
}

/** The only file that touches the network. Its promises never fail. */
export interface Transport {
  ask(path: string, init: RequestInit): Promise<Answer>;
  /** A keepalive request outlives the page; browsers allow 64 KiB of them at a time. */
  post(body: string, keepalive: boolean): Promise<Answer>;
  getConfig(): Promise<Answer>;
}

const TIMEOUT_MS = 15_000;

export function makeTransport(page: Page, host: string, site: string): Transport {
  async function ask(path: string, init: RequestInit): Promise<Answer> {
    try {
      // A browser without it waits as long as it always does.
      const signal: any = page.AbortSignal?.timeout?.(TIMEOUT_MS);
      const response = await page.fetch(host + "/v1/" + path, { credentials: "omit", signal, ...init });
      const retryAfterS = Number(response.headers.get("Retry-After")) || 0;
      return { status: response.status, retryAfterS, text: await response.text() };
    } catch {
      return { status: 0, retryAfterS: 0, text: "" };
    }
  }

  return {
    ask,
    // A text goes as text/plain, which needs no preflight: a closing page would not live to see that answered.
    post: (body, keepalive) => ask("events", { method: "POST", body, keepalive }),
    getConfig: () => ask("sites/" + site + "/config", {}),
  };
}
