// The specification, followed while servers run: a planted departure from it, and a run that does not depart.

import { describe, expect, it } from 'vitest';
import { SpecifiedSteps } from '../../src/cluster-checks/specified-steps.js';
import { runClusterSeed } from '../../src/cluster-sim/cluster-run.js';
import { expectViolation } from '../support/fake-server.js';

describe('specification', () => {
  it('finds a step that the specification does not have, and the server does not hear of it', async () => {
    const steps = new SpecifiedSteps();
    let told = 0;
    const { violation } = await runClusterSeed(8, {
      scenario: { faultsMs: 2_000 },
      protocolTrace: (lines) => {
        told += lines.length;
        steps.sink(lines.filter(({ event }) => event.name !== 'InitState'));
      },
    });
    expect(violation?.message).toBeUndefined();
    expect(told).toBeGreaterThan(100);
    expectViolation('specification', /a server begins with InitState/, () => steps.stepped());
  });

  it('finds nothing in a run of real servers', { timeout: 60_000 }, async () => {
    const steps = new SpecifiedSteps();
    const scenario = { faultsMs: 3_000 };
    const { violation } = await runClusterSeed(12, { scenario, observer: steps, protocolTrace: steps.sink });
    expect(violation?.message).toBeUndefined();
    expect(steps.lines).toBeGreaterThan(200);
  });
});
