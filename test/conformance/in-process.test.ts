import { World } from '../fs/world.js';
import { inProcessTarget } from './in-process-target.js';
import { describeConformance } from './suite.js';

describeConformance('the in-process driver', () => {
  const world = new World();
  return inProcessTarget(world.driver, () => {
    world.overlay.assertInvariants();
    world[Symbol.dispose]();
  });
});
