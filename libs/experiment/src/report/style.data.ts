/** @file How the report looks: on a phone, on a desk, by day and by night. */
export const STYLE = `
:root { --ink: #1f2328; --faint: #636c76; --line: #d8dee4; --back: #ffffff; --card: #f6f8fa; --accent: #0072b2; --mark: #fff8c5; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --faint: #9198a1; --line: #30363d; --back: #0d1117; --card: #161b22; --accent: #58a6ff; --mark: #3a2f0b; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 1rem 4rem; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; }
h1 { margin: 0; font-size: 1.7rem; overflow-wrap: anywhere; }
h2 { margin: 2.2rem 0 0.7rem; font-size: 1.15rem; border-bottom: 1px solid var(--line); padding-bottom: 0.3rem; }
.claim { margin: 0.4rem 0; font-size: 1.05rem; max-width: 48rem; }
.facts { margin: 0; color: var(--faint); font-size: 0.9rem; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.92rem; }
th, td { padding: 0.3rem 0.8rem 0.3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
tbody th { font-weight: normal; color: var(--faint); white-space: nowrap; }
td { overflow-wrap: anywhere; }
.numbers td, .numbers thead th:not(:first-child) { text-align: right; padding-left: 1.2rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
.numbers tbody th { color: var(--ink); }
.own { font-weight: 600; color: var(--accent); }
.changed td, .changed th { background: var(--mark); color: var(--ink); }
small { color: var(--faint); }
.figures { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); }
figure { margin: 0; padding: 0.6rem; background: #ffffff; border: 1px solid var(--line); border-radius: 8px; text-align: center; }
figure.wide { grid-column: 1 / -1; }
figure svg { max-width: 100%; height: auto; }
figcaption { color: #57606a; font-size: 0.88rem; padding: 0.2rem 0.4rem; text-align: left; }
pre { margin: 0; padding: 0.8rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px; overflow-x: auto; }
code { font-family: ui-monospace, 'SF Mono', Menlo, 'DejaVu Sans Mono', monospace; font-size: 0.86rem; }
.files code { display: inline-block; margin: 0 0.5rem 0.3rem 0; padding: 0.1rem 0.4rem; background: var(--card); border-radius: 4px; }
@media print { figure, pre { break-inside: avoid; } }
`;
