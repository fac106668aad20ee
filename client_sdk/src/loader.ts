import type { PartName } from "./parts";
import type { Page } from "./wire";

declare const SDK_INTEGRITY: Record<PartName, string>;

/**
 * Fetch a late part once, by a script element that a strict content security policy lets through: it carries the
 * tag's nonce and the part's digest. Where it does not come, the page goes on without it; the next page asks again.
 */
export function makeLoader(page: Page, tag: HTMLScriptElement, host: string): (part: PartName) => void {
  const asked: PartName[] = [];
  let policy: any; // Trusted Types allow one of a name
  return (part) => {
    if (asked.includes(part)) return;
    asked.push(part);
    const script = page.document.createElement("script");
    script.nonce = tag.nonce;
    script.crossOrigin = "anonymous";
    script.integrity = SDK_INTEGRITY[part];
    // By its digest: no browser keeps what the core of another build would refuse.
    let url: any = host + "/sdk/" + part + ".js?" + SDK_INTEGRITY[part];
    try {
      policy ||= (page as any).trustedTypes.createPolicy("modori", { createScriptURL: (own: string) => own });
      url = policy.createScriptURL(url);
    } catch {
      // A browser without Trusted Types, or a page that does not know our policy: then the text will do, or not.
    }
    script.src = url;
    page.document.head.append(script);
  };
}
