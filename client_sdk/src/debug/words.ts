import type { Why } from "../parts";

/** Every text of the overlay, in the page's language. */
export interface Words {
  title: string;
  capturing: string;
  foreign: (origin: string) => string;
  off: string;
  refused: string;
  signal: string;
  noNotice: string;
  noConsent: string;
  visitor: string;
  none: string;
  mode: string;
  health: (errors: number, queued: number, dropped: number) => string;
  fields: string;
  noFields: string;
  field: string;
  meaning: string;
  reason: string;
  events: string;
  noEvents: string;
  copy: string;
  copied: string;
  close: string;
  why: Record<Why, string>;
}

const en: Words = {
  title: "What Modori sees",
  capturing: "Capturing",
  foreign: (origin) => `The server refuses what is sent here: this page's origin is not registered for the site (${origin})`,
  off: "Not capturing: the site's mode is off, or the key is unknown",
  refused: "Not capturing: this visitor said no",
  signal: "Not capturing: the browser's Global Privacy Control says no, and this site's country heeds it",
  noNotice: "Not capturing: the notice is not in the page",
  noConsent: "Not capturing: no consent yet",
  visitor: "Visitor",
  none: "none yet",
  mode: "Mode",
  health: (errors, queued, dropped) => `Errors ${errors} · waiting ${queued} · given up ${dropped}`,
  fields: "Fields",
  noFields: "No field on this page.",
  field: "Field",
  meaning: "Meaning",
  reason: "Why",
  events: "Events of this page",
  noEvents: "None yet.",
  copy: "Copy",
  copied: "Copied",
  close: "Close (Esc)",
  why: {
    taken: "taken",
    confirmation: "a repeat: compared, not taken",
    password: "a password: never read",
    card: "a payment card: never read",
    "one-time-code": "a one-time code: never read",
    hidden: "not shown to the person",
    ignored: "under data-modori-ignore",
    frame: "in a payment frame",
    disabled: "disabled",
    type: "a type of input that is never read",
    unknown: "meaning unknown: give it an autocomplete attribute if it should be taken",
    value: "what stands in it looks like a card number",
  },
};

const ja: Words = {
  title: "Modoriが見ているもの",
  capturing: "取得中",
  foreign: (origin) => `このページのオリジンはサイトに登録されていないため、サーバーが拒否します（${origin}）`,
  off: "取得していません：サイトのモードがオフ、またはキーが不明です",
  refused: "取得していません：この訪問者は拒否しました",
  signal: "取得していません：ブラウザーのGlobal Privacy Controlが拒否を示し、このサイトの国では尊重されます",
  noNotice: "取得していません：告知がページ内に見つかりません",
  noConsent: "取得していません：同意がまだありません",
  visitor: "訪問者",
  none: "なし",
  mode: "モード",
  health: (errors, queued, dropped) => `エラー ${errors}・送信待ち ${queued}・破棄 ${dropped}`,
  fields: "入力欄",
  noFields: "このページに入力欄はありません。",
  field: "入力欄",
  meaning: "意味",
  reason: "理由",
  events: "このページのイベント",
  noEvents: "まだありません。",
  copy: "コピー",
  copied: "コピーしました",
  close: "閉じる（Esc）",
  why: {
    taken: "取得します",
    confirmation: "確認用：照合のみで取得しません",
    password: "パスワード：読み取りません",
    card: "カード情報：読み取りません",
    "one-time-code": "ワンタイムコード：読み取りません",
    hidden: "画面に表示されていません",
    ignored: "data-modori-ignore の範囲です",
    frame: "決済フレーム内です",
    disabled: "無効な入力欄です",
    type: "読み取らない種類の入力欄です",
    unknown: "意味が不明：取得する場合はautocomplete属性を付けてください",
    value: "入力値がカード番号のように見えます",
  },
};

export function wordsFor(language: string): Words {
  return /^ja/i.test(language) ? ja : en;
}
