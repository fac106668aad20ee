/** How the overlay looks. A constructed sheet passes a strict content security policy. */
export const LOOK = `
  :host { all: initial }
  section { position: fixed; inset: auto 12px 12px auto; z-index: 2147483001; box-sizing: border-box;
    width: min(440px, calc(100vw - 24px)); max-height: min(70vh, 640px); overflow: auto; padding: 12px 14px;
    font: 13px/1.5 system-ui, sans-serif; color: #e9edf1; background: #1b2026; border: 1px solid #46505a;
    border-radius: 8px; box-shadow: 0 8px 24px #0006 }
  header { display: flex; gap: 8px; align-items: baseline; justify-content: space-between }
  header span { display: flex; gap: 6px; flex: none } h2 { font-size: 14px; margin: 0 } h3 { font-size: 13px; margin: 12px 0 4px; color: #aeb8c2 }
  p { margin: 4px 0 0; overflow-wrap: anywhere } p:first-of-type { font-weight: 600; color: #ffc46b }
  p.on:first-of-type { color: #7ddc9a }
  table { border-collapse: collapse; width: 100% }
  td:nth-child(-n+2) { min-width: 5.5em; max-width: 9em }
  th { text-align: left; font-weight: 400; color: #aeb8c2 }
  th, td { padding: 3px 8px 3px 0; vertical-align: top; border-top: 1px solid #333b44; overflow-wrap: anywhere }
  ol { margin: 0; padding: 0; list-style: none; font: 12px/1.5 ui-monospace, monospace; overflow-wrap: anywhere }
  button { font: inherit; color: #e9edf1; background: #2c343c; border: 1px solid #5a6570; border-radius: 4px; padding: 2px 8px }
  tr.on td { color: #7ddc9a }
  :focus-visible { outline: 2px solid #7ab7ff; outline-offset: 1px }
  i { position: fixed; z-index: 2147483000; pointer-events: none; border: 2px solid #7ab7ff; border-radius: 4px;
    background: #7ab7ff33; display: none }`;
