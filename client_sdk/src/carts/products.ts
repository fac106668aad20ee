import { attempt } from "../attempt";

/** A product as schema.org has it; everything in it is the page's word and may be anything. */
type Product = Record<string, any>;

const TEXT_LIMIT = 200_000; // characters of one script
const DEPTH = 5;
const LINES = 100;

const first = (value: any): any => [].concat(value)[0];

/**
 * What a page says of its own goods by schema.org, in JSON-LD or microdata.
 *
 * returns  raw lines of a cart: one for each id that a product goes by, one without an id for a product that has none.
 *          Lists of products are not walked into: they are what other pages sell
 */
export function readProducts(document: Document): Product[] {
  const lines: Product[] = [];

  function take({ name, image, url, sku, productID, mpn, gtin13, offers }: Product): void {
    const offer = first(offers) || {};
    const picture = first(image);
    const canonical = !lines.length && document.querySelector<HTMLLinkElement>("link[rel=canonical]")?.href;
    const line = { name, image: picture?.url || picture, url: url || offer.url || canonical, price: offer.price };
    const ids = [sku, productID, mpn, gtin13, offer.sku].filter(Boolean);
    for (const id of ids.length ? ids : [""]) lines.push({ ...line, id });
  }
  function walk(node: any, depth: number): void {
    if (!node || typeof node !== "object" || depth > DEPTH || lines.length > LINES) return;
    if (/Product/.test(node["@type"])) take(node);
    for (const inner of [].concat(node, node["@graph"], node.mainEntity, node.hasVariant)) {
      if (inner !== node) walk(inner, depth + 1);
    }
  }

  document.querySelectorAll("script[type='application/ld+json']").forEach(({ textContent }) => {
    const text = textContent as string;
    if (text.length < TEXT_LIMIT) attempt(() => walk(JSON.parse(text), 0)); // on many pages it is not JSON
  });
  document.querySelectorAll("[itemtype$='schema.org/Product']").forEach((element) => {
    const said: Product = {};
    element.querySelectorAll<any>("[itemprop]").forEach((prop) => {
      const name = prop.getAttribute("itemprop");
      said[name] = said[name] || prop.content || prop.href || prop.src || prop.textContent.trim();
    });
    if (lines.length <= LINES) take({ ...said, offers: { price: said.price } });
  });
  return lines;
}
