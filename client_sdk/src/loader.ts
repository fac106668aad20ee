import { attempt } from "./attempt";
import type { PartName } from "./parts";
import type { Page } from "./wire";

declare const SDK_INTEGRITY: Record<PartName, string>;

/**
 * Fetch a late part once, by a script element that a strict content security policy lets through: it carries the
 * tag's nonce and the part's digest. Where it does not come, the page goes on without it; the next page asks again.
 */
export function makeLoader(page: Page, tag: HTMLScriptElement, host: string): (part: PartName) => void {
  const left: Partial<typeof SDK_INTEGRITY> = { ...SDK_INTEGRITY };
  let policy: any; // Trusted Types allow one of a name
  return (part) => {
    const integrity = left[part];
    if (!integrity) return;
    left[part] = "";
    // By its digest: no browser keeps what the core of another build would refuse.
    let url: any = host + "/sdk/" + part + ".js?" + integrity;
    // A browser without Trusted Types, or a page that does not know our policy: then the text will do, or not.
    attempt(() => {
      policy ||= (page as any).trustedTypes.createPolicy("modori", { createScriptURL: (own: string) => own });
      url = policy.createScriptURL(url);
    });
    const script = page.document.createElement("script");
    page.document.head.append(Object.assign(script, { nonce: tag.nonce, crossOrigin: "", referrerPolicy: "strict-origin", integrity, src: url }));
  };
}
