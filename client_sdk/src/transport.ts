import type { Page } from "./wire";

/** The server's answer. Status 0: it could not be asked, or said nothing in time. */
export interface Answer {
  status: number;
  /** What `Retry-After` asks for, in seconds; 0 where it asks nothing. */
  retryAfterS: number;
  /** The answer's body; "" where there was none. */
  text: string;
}

/**
 * Asks what lies at a path under the server's `/v1/`. The only file that touches the network. Its promises never fail.
 *
 * A keepalive request outlives the page; browsers allow 64 KiB of them at a time.
 */
export type Ask = (path: string, init?: RequestInit) => Promise<Answer>;

const TIMEOUT_MS = 8_000; // of a request; what took longer is asked again, and ids make it harmless

export function makeAsk(page: Page, host: string): Ask {
  return async (path, init) => {
    const answer = { status: 0, retryAfterS: 0, text: "" };
    try {
      await 0; // with nothing of ours on the stack: browsers note down from where a request is made
      // A browser without it waits as long as it always does.
      const signal: any = page.AbortSignal?.timeout?.(TIMEOUT_MS);
      const response = await page.fetch(host + "/v1/" + path, { credentials: "omit", referrerPolicy: "strict-origin", signal, ...init });
      answer.text = await response.text();
      answer.retryAfterS = Number(response.headers.get("Retry-After"));
      answer.status = response.status;
    } catch {
      // Nobody answered.
    }
    return answer;
  };
}
