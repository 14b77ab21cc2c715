// The look of the report, light and dark.

export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #fbfbf9; --card: #ffffff; --ink: #1c2024; --soft: #667079; --line: #e3e5e2;
  --ours: #0f6f8f; --peer: #b9bfc4; --floor: #e0e4e2; --floor-edge: #a9b1b0;
  --pass: #1d7f5c; --miss: #c2452d; --goal: #1c2024;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --card: #1b1f23; --ink: #e7eaec; --soft: #98a2aa; --line: #2c3237;
    --ours: #4fb3d2; --peer: #59626a; --floor: #262c31; --floor-edge: #59626a;
    --pass: #58c295; --miss: #f08a70; --goal: #e7eaec;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 940px; margin: 0 auto; padding: 40px 20px 64px; }
h1 { font-size: 30px; letter-spacing: -0.02em; margin: 0 0 4px; }
h1 span { color: var(--soft); font-weight: 400; }
h2 { font-size: 17px; letter-spacing: -0.01em; margin: 0 0 10px; }
.lead { font-size: 17px; margin: 0 0 20px; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 12px 24px; margin: 0 0 28px; }
dt { color: var(--soft); font-size: 12px; }
dd { margin: 0; font-size: 13.5px; overflow-wrap: anywhere; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px 22px; margin: 0 0 18px; }
section > p { color: var(--soft); margin: 0 0 12px; }
.note { font-size: 13px; margin: 10px 0 0; }
svg { display: block; width: 100%; height: auto; margin: 4px 0 8px; font: 12.5px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
text { dominant-baseline: central; fill: var(--ink); }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.axis { fill: var(--soft); font-size: 11.5px; }
.group { font-weight: 600; fill: var(--ink); }
.figure { font-variant-numeric: tabular-nums; }
.bar.ours { fill: var(--ours); } .bar.peer { fill: var(--peer); }
.bar.floor { fill: var(--floor); stroke: var(--floor-edge); stroke-dasharray: 3 2; }
.whisker { stroke: var(--ink); stroke-width: 1.5; opacity: 0.55; }
.goal { stroke: var(--goal); stroke-width: 1.5; } .grid { stroke: var(--line); }
.stem { stroke-width: 2; opacity: 0.55; } .stem.pass { stroke: var(--pass); } .stem.miss { stroke: var(--miss); }
.dot.pass { fill: var(--pass); } .dot.miss { fill: var(--miss); }
summary { cursor: pointer; color: var(--soft); font-size: 13px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; margin-top: 8px; }
th, td { text-align: left; font-weight: 400; padding: 4px 10px 4px 0; border-top: 1px solid var(--line); }
thead th { color: var(--soft); font-size: 12px; border-top: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
td.pass { color: var(--pass); } td.miss { color: var(--miss); font-weight: 600; }
footer { color: var(--soft); font-size: 13px; }
`;
