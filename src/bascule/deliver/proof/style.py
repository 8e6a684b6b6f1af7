"""The look of a report's page."""

STYLE = """
:root { color-scheme: light dark; --ink:#1d2530; --soft:#566070; --line:#d9dee5; --ground:#fff; --good:#0b6b3a; --bad:#8a4b00;
  --good-ground:#e9f6ee; --bad-ground:#fdf3e1; }
@media (prefers-color-scheme: dark) { :root { --ink:#e7ebf0; --soft:#a9b3c0; --line:#39424e; --ground:#14181d; --good:#7ddba5;
  --bad:#ffc266; --good-ground:#12301f; --bad-ground:#35270f; } }
* { box-sizing: border-box }
body { font: 16px/1.6 system-ui, sans-serif; color: var(--ink); background: var(--ground); margin: 0 auto; max-width: 62rem;
  padding: 2rem 1.25rem 4rem; overflow-wrap: anywhere }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 } h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem }
p { margin: 0 0 .5rem; max-width: 48rem }
.verdict { padding: 1rem 1.25rem; border-radius: .6rem; font-size: 1.1rem; margin: 1.25rem 0; font-weight: 600; max-width: none }
.good { color: var(--good); background: var(--good-ground) } .bad { color: var(--bad); background: var(--bad-ground) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.25rem; margin: 0 0 1rem } dt { color: var(--soft) } dd { margin: 0 }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .5rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; font-weight: 400; text-align: left }
thead th { color: var(--soft); font-weight: 600; font-size: .9rem }
.figures td, .figures thead th { text-align: right; white-space: nowrap } .figures thead th:first-child { text-align: left }
.figures tbody th { min-width: 9rem } tfoot th, tfoot td { font-weight: 700; border: 0 } .none { color: var(--soft) }
.head { display: none } .words td:first-child { min-width: 7rem } .words td:last-child { width: 55% }
.note, .fault { font-size: .9rem } .note { color: var(--soft) } .fault { color: var(--bad) } th .note, th .fault, td > .note { display: block }
code { font-size: .9em }
@media (max-width: 40rem) {
  dl { display: block } dd { margin: 0 0 .5rem } thead { display: none } tr { display: block; padding: .7rem 0; border-bottom: 1px solid var(--line) }
  th, td { display: block; border: 0; padding: .1rem 0 } tbody th { font-weight: 600 } .words td:first-child { font-weight: 600 }
  .words td:last-child { width: auto } .words td > .note { font-weight: 400 }
  .figures td { display: flex; justify-content: space-between; max-width: 20rem } .figures td.none { display: none } .head { display: inline; color: var(--soft) }
  th .note, th .fault { font-weight: 400 } }
@media print { body { padding: 0; font-size: 11pt } .verdict { border: 1px solid } tr { break-inside: avoid } }
"""
