/** Makes a function that never throws. */
export type Safely = <Args extends unknown[]>(work: (...args: Args) => void) => (...args: Args) => void;
