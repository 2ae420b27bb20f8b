import type { Introspections } from './introspections.js';

const width = 640;
const height = 300;
const plot = { left: 70, right: 620, top: 50, bottom: 240 };
const barWidth = 44;

/** Returns an SVG with two bars for each size of the fleet. Its colours are readable on white and on black. */
export function pictureOf(points: readonly Introspections[]): string {
  const most = Math.max(...points.flatMap(({ alone, withRedis }) => [alone, withRedis]));
  const heightOf = (count: number) => ((plot.bottom - plot.top) * count) / most;
  const middleOf = (index: number) => plot.left + ((plot.right - plot.left) * (index + 0.5)) / points.length;
  const bar = (x: number, count: number, fill: string) => {
    const top = plot.bottom - heightOf(count);
    return [
      `<rect x="${x}" y="${top.toFixed(1)}" width="${barWidth}" height="${heightOf(count).toFixed(1)}" fill="${fill}"/>`,
      text(x + barWidth / 2, top - 6, count.toLocaleString('en')),
    ];
  };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${labelOf(points)}" ` +
      'font-family="system-ui, sans-serif" font-size="13" fill="#767d86" text-anchor="middle">',
    `<rect x="150" y="10" width="12" height="12" fill="${colours.alone}"/>`,
    text(168, 21, 'without Redis', 'start'),
    `<rect x="330" y="10" width="12" height="12" fill="${colours.withRedis}"/>`,
    text(348, 21, 'with Redis', 'start'),
    ...points.flatMap(({ processes, alone, withRedis }, index) => [
      ...bar(middleOf(index) - barWidth - 2, alone, colours.alone),
      ...bar(middleOf(index) + 2, withRedis, colours.withRedis),
      text(middleOf(index), plot.bottom + 20, processes === 1 ? '1 process' : `${processes} processes`),
    ]),
    `<path d="M${plot.left} ${plot.bottom}H${plot.right}" stroke="#767d86"/>`,
    text(width / 2, height - 12, 'Introspection requests for the same traffic; fewer is better'),
    '</svg>',
    '',
  ].join('\n');
}

const colours = { alone: '#d9822b', withRedis: '#3d8bd4' };

function text(x: number, y: number, content: string, anchor?: string): string {
  return `<text x="${x}" y="${y.toFixed(1)}"${anchor === undefined ? '' : ` text-anchor="${anchor}"`}>${content}</text>`;
}

function labelOf(points: readonly Introspections[]): string {
  const of = ({ processes, alone, withRedis }: Introspections) =>
    `${processes}: ${alone} without Redis, ${withRedis} with Redis`;
  return `Introspection requests by number of processes. ${points.map(of).join('; ')}.`;
}
