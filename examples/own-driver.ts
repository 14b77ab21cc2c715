import { type Action, RaftNode } from '@waldb/core';
import { WalLog } from '@waldb/wal';

const log = await WalLog.open('./data/own-driver');
const node = RaftNode.withLog({ id: 1, peers: [] }, log); // `step` syncs the log before it returns

while (!node.isLeader) carryOut(node.step({ type: 'tick' })); // yours: a timer, every few milliseconds
carryOut(node.step({ type: 'propose', command: Buffer.from('x = 1') }));
await log.close();

function carryOut(actions: readonly Action[]): void {
  for (const action of actions) {
    if (action.type === 'send') {
      // yours: bring action.message to server action.to, which steps { type: 'message', message }
    } else if (action.type === 'apply') {
      // yours: the state machine; after a restart it hears again what is not in its snapshot
      for (const { index, command } of action.entries) console.log(index, Buffer.from(command).toString());
    }
  }
}
