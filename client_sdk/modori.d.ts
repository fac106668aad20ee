/** What a page may say to Modori: `modori("cart", {…})`. It works before the script has loaded. */

export interface ModoriItem {
  id: string | number;
  name: string;
  /** In major units, tax included as shown: 4980 for ¥4,980, 49.8 for $49.80. */
  price: number;
  /** 1 where left out. */
  quantity?: number;
  /** Absolute, or relative to the page. */
  url?: string;
  image?: string;
  stock?: number;
}

/** The whole cart, each time it changes. An empty `items` says that the cart was emptied. */
export interface ModoriCart {
  id?: string | number;
  /** ISO 4217, such as "JPY". */
  currency: string;
  /** The total shown, tax and shipping included, in major units. */
  value: number;
  items: ModoriItem[];
  /** Where this cart can be opened again; its query is kept. */
  url?: string;
}

export interface ModoriIdentity {
  email?: string;
  tel?: string;
  line?: string;
  name?: string;
  member_id?: string | number;
}

export interface ModoriConsent {
  /** `capture` opens or closes the capture in this browser and is not reported. */
  channel: "email" | "sms" | "line" | "call" | "capture";
  granted: boolean;
  /** The exact words beside the control. */
  text?: string;
  /** A CSS selector of the control. */
  control?: string;
}

/** A claim by the browser: it stops messages and never bills. */
export interface ModoriOrder {
  id: string | number;
  currency: string;
  value: number;
  items?: ModoriItem[];
}

export interface ModoriCommands {
  cart: ModoriCart;
  identify: ModoriIdentity;
  consent: ModoriConsent;
  order: ModoriOrder;
}

export interface Modori {
  <Name extends keyof ModoriCommands>(command: Name, value: ModoriCommands[Name]): void;
  /** Set once the script runs. */
  version?: string;
  /** Commands given before the script ran. */
  q?: { push(command: ArrayLike<unknown>): unknown };
  /** For the SDK's own late scripts. */
  part?(name: string, start: (core: any) => unknown): void;
}

declare global {
  var modori: Modori;
}
