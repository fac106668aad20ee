import { cluesOf } from "../forms/clues";
import { reach } from "../forms/reach";
import { write } from "../forms/writing";
import type { Core } from "../parts";

const COUPON = /coupon|promo|voucher|discount.?code|gutschein|クーポン|優待コード|割引コード/i;

/** Write a coupon where the page asks for one and nothing stands yet. Returns whether it did. */
export function fillCoupon(core: Core, coupon: string): boolean {
  let written = false;
  const found = (field: HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement) => {
    if (written || field.tagName !== "INPUT" || field.value || field.disabled) return;
    if (!/^(text|search)$/.test(field.type) || !COUPON.test(JSON.stringify(cluesOf(field)))) return;
    write(field, coupon);
    written = true;
  };
  reach(core.page.document, found, () => {});
  return written;
}
