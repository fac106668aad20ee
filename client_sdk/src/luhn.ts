/**
 * The runs of digits in a text, full-width ones narrowed and whatever is neither letter nor digit taken out
 * from between them: "４１１１ー1111" is one run of eight. The long vowel mark counts as a dash, as people type it.
 */
export function digitRuns(text: string): string[] {
  return text.normalize("NFKC").replace(/[^\p{L}\p{N}]+|ー/gu, "").match(/[0-9]+/g) || [];
}

/**
 * Does a text hold 13 to 19 digits in a row that could be a card number: whose checksum holds?
 *
 * goods    of ids and codes of goods, which are as long: only what has a card's first digit and 15 digits at least
 * source  RULES 34 (PCI DSS 4); ISO/IEC 7812-1, annex B: from the right, every second digit counts double, digit by digit
 */
export function holdsCardNumber(text: string, goods?: boolean): boolean {
  return digitRuns(text).some((run) => {
    for (let end = run.length; end > 12; end--) {
      let sum = 0;
      for (let count = 1; count < 20 && count <= end; count++) {
        const digit = Number(run[end - count]) * (count % 2 || 2);
        sum += digit > 9 ? digit - 9 : digit;
        if (count > 12 && !(sum % 10) && (!goods || /^[3-6]\d{14}/.test(run.slice(end - count, end)))) return true;
      }
    }
    return false;
  });
}
