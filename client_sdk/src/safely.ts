/** What our own code threw since the page began; the debug part hears of it by `told`. */
export interface Failures {
  errors: number;
  told?: (error: unknown) => void;
}

/** Makes a function that never throws. */
export type Safely = <Args extends unknown[]>(work: (...args: Args) => void) => (...args: Args) => void;

/** Listen to a target with a guard, before the page's own listeners and without ever holding an event up. */
export type Listen = (target: EventTarget, type: string, work: (event: any) => void) => void;
