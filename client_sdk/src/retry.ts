const FIRST_MS = 5_000;
const LONGEST_MS = 300_000;
const LONGEST_ASKED_MS = 3_600_000;

/** A refusal is final; a server that is busy, broken or out of reach (0) is asked again. */
export function mayRetry(status: number): boolean {
  return /^(0|408|429|5)/.test(status as never);
}

/**
 * How long to wait after the n-th failure in a row, ms.
 *
 * failures  from 1
 * askedS    what the server's `Retry-After` asks for, or 0
 * chance    0 to 1; spreads the browsers
 */
export function retryWaitMs(failures: number, askedS: number, chance: number): number {
  const waitMs = askedS * 1000 || Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1));
  return Math.min(LONGEST_ASKED_MS, waitMs) * (1 + chance / 2);
}
