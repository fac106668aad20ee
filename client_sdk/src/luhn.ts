/** Does the Luhn checksum of these ASCII digits hold? (ISO/IEC 7812-1 annex B) */
function luhnHolds(digits: string): boolean {
  let sum = 0;
  for (let i = 1; i <= digits.length; i++) {
    const digit = Number(digits[digits.length - i]) * (i % 2 ? 1 : 2);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return sum % 10 === 0;
}

/**
 * The runs of digits in a text, full-width ones narrowed and whatever is neither letter nor digit taken out
 * from between them: "４１１１ー1111" is one run of eight. The long vowel mark counts as a dash, as people type it.
 */
export function digitRuns(text: string): string[] {
  const joined = text.normalize("NFKC").replace(/[^\p{L}\p{N}]+|ー/gu, "");
  return joined.match(/[0-9]+/g) || [];
}

/** Does a text hold 13 to 19 digits in a row that could be a card number? (RULES 34: PCI DSS 4) */
export function holdsCardNumber(text: string): boolean {
  return digitRuns(text).some((run) => {
    for (let length = 13; length <= 19; length++) {
      for (let from = 0; from + length <= run.length; from++) {
        if (luhnHolds(run.slice(from, from + length))) return true;
      }
    }
    return false;
  });
}
