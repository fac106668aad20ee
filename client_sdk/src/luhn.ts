/**
 * The runs of digits in a text, of any script, full-width ones narrowed and whatever is neither letter nor digit taken
 * out from between them: "４１１１ー1111" is one run of eight. What people type for a dash or between groups counts as one.
 */
export function digitRuns(text: string): string[] {
  return text.normalize("NFKC").replace(/[^\p{L}\p{N}]+|[ー一のxX]/gu, "").match(/\p{Nd}+/gu) || [];
}

/**
 * Does a text hold 13 to 19 digits in a row that could be a card number: whose checksum holds? Of digits that are not
 * ASCII's so many in a row are enough: their sum is no number.
 *
 * goods    of ids and codes of goods, which are as long: only what begins like a card number and is as long as one
 * source  RULES 34 (PCI DSS 4); ISO/IEC 7812-1, annex B: from the right, every second digit counts double, digit by digit
 */
export function holdsCardNumber(text: string, goods?: boolean): boolean {
  return digitRuns(text).some((run) => {
    for (let end = run.length; end > 12; end--) {
      let sum = 0;
      for (let count = 1; count < 20 && count <= end; count++) {
        const digit = Number(run[end - count]) * (count % 2 || 2);
        sum += digit > 9 ? digit - 9 : digit;
        if (count > 12 && !(sum % 10) && (!goods || /^([3-6]|2[2-7])\d{14}|^3[068]\d{12}$/.test(run.slice(end - count, end)))) return true;
      }
    }
    return false;
  });
}
