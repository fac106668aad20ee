/** What our own code threw since the page began; the debug part hears of it by `told`. */
export interface Failures {
  errors: number;
  told?: (error: unknown) => void;
}

/** Makes a function that never throws. */
export type Safely = <Args extends unknown[]>(work: (...args: Args) => void) => (...args: Args) => void;
