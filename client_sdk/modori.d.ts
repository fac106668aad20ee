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

/** Made by the shop's server, for a site in signed mode. */
export interface ModoriProof {
  /** When it was signed, ISO 8601 with a zone. */
  at: string;
  /** HMAC-SHA-256 with the site's signing secret of `visitor|contact|at`, in hexadecimal. The visitor is the cookie `modori_v`. */
  mac: string;
}

export interface ModoriIdentity {
  email?: string;
  tel?: string;
  line?: string;
  name?: string;
  member_id?: string | number;
  proof?: ModoriProof;
}

export interface ModoriConsent {
  /**
   * `capture` opens or closes capture itself. Closing it ("no thanks") asks the server to forget this browser, and
   * ends everything here until it is opened again.
   */
  channel: "email" | "sms" | "line" | "call" | "capture";
  granted: boolean;
  /** The exact words beside the control; read from its label where they are left out. */
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

/** What somebody left who came back by a link of ours, for the page's own code to put into its cart. */
export interface ModoriBrought {
  cart?: string;
  /** ISO 4217. */
  currency?: string;
  /** The total that was shown, in major units. */
  value?: number;
  items: { id: string; name: string; price: number; quantity: number; url?: string; image?: string }[];
  /** From the link's `modori_coupon`. */
  coupon?: string;
  /** By autocomplete token: written into the form where it is empty. */
  fields: Record<string, string>;
  /** By autocomplete token: masked, until the person proves the contact point. */
  masked: Record<string, string>;
  /** Name the e-mail address or phone number that the link was sent to. */
  prove(contact: string): Promise<boolean>;
}

export interface ModoriCommands {
  cart: ModoriCart;
  identify: ModoriIdentity;
  consent: ModoriConsent;
  order: ModoriOrder;
  restore: (brought: ModoriBrought) => void;
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

/** What the tag's own attributes may say. */
export interface ModoriTagAttributes {
  /** The site's publishable key. */
  "data-site": `pk_${string}`;
  /** The name of the page's data layer, where it is not `dataLayer`. */
  "data-layer"?: string;
  /** Puts up a small dialog that asks who came back on another device for the proof. */
  "data-restore"?: "ask";
}

declare global {
  var modori: Modori;
}
