// Transcripts on the pages are what happens: those of growing, replacing, shrinking, recovering and measuring are carried out, and
// what is printed is compared with the page. The others are not yet.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Block, readPage } from './markdown.js';
import { agrees, masked, Stage } from './transcripts.js';

const GENEROUS_MS = 3_600_000;

let stage: Stage;
afterEach(async () => {
  await stage?.close();
}, GENEROUS_MS);

function transcripts(page: string, anchor?: string): Block[] {
  const { blocks } = readPage(page);
  return blocks.filter((block) => block.info === 'console' && (anchor ?? block.anchor) === block.anchor);
}

function serve(id: number): string {
  const ports = `--port 710${id} --admin 127.0.0.1:730${id}`;
  return `waldb serve --id ${id} --directory ./data/${id} ${ports} --join 127.0.0.1:7301`;
}

const FIRST = 'waldb serve --directory ./data/1 --admin 127.0.0.1:7301';

/** Servers 1 to 3, grown as the page has it. */
async function three(): Promise<void> {
  await stage.run(FIRST, serve(2), 'waldb members add 2', serve(3), 'waldb members add 3');
}

describe('the operations guide', () => {
  it('growing, replacing a dead server, taking the leader down', async () => {
    stage = await Stage.open();
    const [one, two, list] = transcripts('docs/operations.md', 'growing') as [Block, Block, Block];
    await stage.play(one);
    await stage.play(two);
    await stage.run(serve(3), 'waldb members add 3');
    await stage.play(list);

    const [refused, replaced] = transcripts('docs/operations.md', 'replacing-a-dead-server') as [
      Block,
      Block,
    ];
    await stage.stop('waldb serve --id 3', 'SIGKILL');
    rmSync(join(stage.directory, 'data/3'), { recursive: true });
    await stage.play(refused);
    await stage.play(replaced);

    const [shrinking] = transcripts('docs/operations.md', 'shrinking-and-taking-the-leader-down') as [Block];
    await stage.play(shrinking);
  }, 3_600_000);
});

describe('further pages', () => {
  it('recovery', async () => {
    stage = await Stage.open();
    await three();
    for (const id of [3, 2]) await stage.stop(`waldb serve --id ${id}`, 'SIGKILL');
    await stage.stop(FIRST, 'SIGKILL');
    for (const block of transcripts('docs/recovery.md')) {
      // Without a terminal there is nobody to ask.
      const text = block.text
        .replace('waldb recover ./data/1', 'waldb recover ./data/1 --yes')
        .replace(/^Type recover.*\n/m, '');
      await stage.play({ ...block, text });
    }
  }, 3_600_000);

  it('measuring a store', async () => {
    stage = await Stage.open();
    await stage.run(FIRST);
    for (const block of transcripts('docs/command-line.md')) await stage.play(block);
  }, 3_600_000);
});

describe('what is compared', () => {
  it('is every word, but no number that differs from run to run', () => {
    expect(masked('server 1  takes 41.2 MiB in 165 chunks, 2 d, at 127.0.0.1:7101')).toBe(
      'server 1 takes <size> in # chunks, <time>, at 127.0.0.1:7101',
    );
    expect(agrees('a\n 1  voter  ok  17', 'a\n 2  voter  ok  180')).toBe(true);
    expect(agrees('a\n 1  voter  ok  17', 'a\n 2  leader  ok  180')).toBe(false);
    expect(agrees('Server 2 is removed', 'Server 3 is removed')).toBe(false);
    expect(agrees('a\nb\nc\nd', 'a\n…\nd')).toBe(true);
    expect(agrees('a\nb\nc', 'a\n…\nd')).toBe(false);
  });
});
