// The questions of an orchestrator: whether to start it anew, to wait for it, to send work.
import type { AgentStatus } from './control.ts';
import { type Answer, OPEN, type Route } from './site.ts';

type State = AgentStatus['state'];

/** @param stateOf in which state it is now */
export function probes<Subject>(stateOf: (subject: Subject) => State): Readonly<Record<string, Route<Subject>>> {
  const probe = (isGood: (state: State) => boolean): Route<Subject> => ({
    ...OPEN,
    answer: (subject): Answer => {
      const state = stateOf(subject);
      return [isGood(state) ? 200 : 503, { state }];
    },
  });
  return {
    // An event loop that is stuck answers nothing at all. A restore that takes long is no reason to start anew.
    '/livez': probe(() => true),
    '/startupz': probe((state) => state !== 'starting'),
    '/readyz': probe((state) => state === 'watching'),
  };
}
