// Pure. What each command is for, in the words of help.
import type { Command } from './option.ts';

/** The help of one command, options aside. */
export interface CommandText {
  readonly summary: string;
  readonly usage: string;
  readonly about: string;
  /** What to type, and what it does. */
  readonly examples: readonly (readonly [line: string, meaning: string])[];
}

/** One text for each command. */
export const COMMAND_TEXTS: Readonly<Record<Command, CommandText>> = {
  run: {
    summary: 'restore, then watch; with a command: start it in between and end with it',
    usage: 'awssyncer run [OPTIONS] LOCAL s3://BUCKET[/PREFIX] [-- COMMAND ARG...]',
    about:
      'Restores LOCAL from S3, creates the ready file if one is asked for, then keeps S3 equal to LOCAL. With COMMAND ' +
      'it starts it after the restore, forwards signals to it, uploads what is left when it has ended, and exits ' +
      "with COMMAND's code if all of it arrived. It is a correct PID 1 for a container.",
    examples: [
      ['awssyncer run /srv/data s3://backups/game -- ./server --world /srv/data', 'a program with its state in S3'],
      ['awssyncer run --ready-file /run/ready /srv/data s3://backups/game', 'a sidecar that says when data is there'],
      ['LOCAL_PATH=/srv/data/ S3_BUCKET=backups/game awssyncer run', 'both sides from the environment'],
      [
        'awssyncer run --snapshot-hook \'*.db=sqlite3 "$AWSSYNCER_SOURCE" ".backup $AWSSYNCER_SNAPSHOT"\' /srv/data s3://backups/game',
        'databases as they are at one instant',
      ],
    ],
  },
  restore: {
    summary: 'S3 -> disk, once',
    usage: 'awssyncer restore [OPTIONS] s3://BUCKET[/PREFIX|/KEY] LOCAL',
    about:
      'Brings what S3 holds into the directory LOCAL; of the URL of one object only that, under its name. A file appears ' +
      'only when it is complete and verified; an interrupted restore resumes. Local edits that never reached S3 stay; the ' +
      'loser of a conflict is kept under the state directory.',
    examples: [
      ['awssyncer restore s3://backups/game /srv/data', 'everything'],
      ['awssyncer restore s3://backups/game/world/level.dat /srv/elsewhere', 'one file, to another place'],
      ['awssyncer restore s3://backups/game/world/ /srv/elsewhere', 'what is beneath a prefix, to another place'],
      ["awssyncer restore --exclude '*' --include /world/ s3://backups/game /srv/data", 'one directory of it'],
      [
        'awssyncer restore --delete --overwrite always s3://backups/game /srv/data',
        'exactly what S3 holds; what goes is kept',
      ],
      ['awssyncer restore --at -2h s3://backups/game /srv/before', 'what was there two hours ago'],
    ],
  },
  watch: {
    summary: 'disk -> S3, continuously, until SIGTERM or SIGINT',
    usage: 'awssyncer watch [OPTIONS] LOCAL s3://BUCKET[/PREFIX]',
    about:
      'Compares LOCAL with what S3 holds, uploads the difference, then follows every change. On SIGTERM or SIGINT it ' +
      'uploads what is left, for at most --shutdown-timeout; a second signal ends it at once.',
    examples: [
      ['awssyncer watch /srv/data s3://backups/game', 'until it is stopped'],
      ["awssyncer watch --exclude '*.tmp' --exclude /cache/ /srv/data s3://backups/game", 'but for some files'],
    ],
  },
  sync: {
    summary: 'disk -> S3, once',
    usage: 'awssyncer sync [OPTIONS] LOCAL s3://BUCKET[/PREFIX]',
    about: 'Uploads what differs from what S3 holds and exits. A second run finds nothing to do.',
    examples: [
      ['awssyncer sync --dry-run --delete /srv/data s3://backups/game', 'what would happen'],
      ['awssyncer sync --delete /srv/data s3://backups/game', 'make S3 equal to the disk'],
      ['awssyncer sync --json --quiet /srv/data s3://backups/game', 'the counts, for a script'],
    ],
  },
  verify: {
    summary: 'compare disk and S3, and put right what differs if that is asked for',
    usage: 'awssyncer verify [OPTIONS] LOCAL s3://BUCKET[/PREFIX]',
    about:
      'Lists S3, reads LOCAL, reports every difference and exits with 5 if there is one; changes nothing. With --repair the ' +
      'disk is the truth: what differs in S3 is stored again, behind all guards of sync, whatever is remembered of it, and ' +
      'compared once more.',
    examples: [
      ['awssyncer verify /srv/data s3://backups/game', 'is the backup what the disk is?'],
      ['awssyncer verify --download /srv/data s3://backups/game', 'does every byte of it come back?'],
      ['awssyncer verify --download --repair /srv/data s3://backups/game', 'see to it that it does'],
    ],
  },
  checkpoints: {
    summary: 'list the moments that restore --checkpoint can bring back',
    usage: 'awssyncer checkpoints [OPTIONS] s3://BUCKET[/PREFIX]',
    about:
      'Lists the checkpoints that agents with --checkpoint-interval took beneath the prefix, the oldest first: moments at ' +
      'which S3 held exactly what was on disk. Needs no directory.',
    examples: [
      ['awssyncer checkpoints s3://backups/game', 'all of them'],
      ['awssyncer restore --checkpoint latest s3://backups/game /srv/before', 'the newest, into a new directory'],
    ],
  },
  doctor: {
    summary: 'find out whether this machine, this directory and this bucket will do',
    usage: 'awssyncer doctor [OPTIONS] LOCAL s3://BUCKET[/PREFIX]',
    about:
      'Looks at everything an agent needs and says of each thing in one line whether it is fine, and if not what to do. Give it ' +
      'the options of the agent. It writes nothing into LOCAL, and in S3 only beneath PREFIX.awssyncer/doctor/, where it ' +
      'removes what it wrote; it may run beside an agent. Exits with 1 if something will not work, with 0 if there are ' +
      'only warnings.',
    examples: [
      ['awssyncer doctor /srv/data s3://backups/game', 'before the first start'],
      ['awssyncer doctor --json /srv/data s3://backups/game', 'the same as one JSON object'],
      ['awssyncer doctor --iam-policy s3://backups/game', 'what the credentials must be allowed to do'],
    ],
  },
  agent: {
    summary: 'keep any number of directories, as a file says',
    usage: 'awssyncer agent [OPTIONS] --config FILE',
    about:
      'Does for each directory that FILE names what run or watch does for one, all of them in one process that answers for all ' +
      'of them over HTTP. One that fails is tried again and again, the others go on. On SIGHUP it reads FILE again: what was ' +
      'added starts, what is gone is flushed and ends, what is said otherwise is flushed and starts anew, the rest is left ' +
      'alone; a FILE with a mistake changes nothing.',
    examples: [
      ['awssyncer agent --config /etc/awssyncer.yaml', 'until it is stopped'],
      ['awssyncer agent --config /etc/awssyncer.yaml --check', 'is there a mistake in it?'],
    ],
  },
  status: {
    summary: 'ask a running agent how it is',
    usage: 'awssyncer status [OPTIONS] [LOCAL [s3://BUCKET[/PREFIX]]]',
    about:
      'Says whether S3 holds what is on disk, what is still to be uploaded, what failed, and which deletes are held; of every ' +
      'agent that LOCAL and URL leave open. Needs neither the bucket nor credentials.',
    examples: [
      ['awssyncer status /srv/data', 'for people'],
      ['awssyncer status', 'all agents, and all directories of `awssyncer agent`'],
      ['awssyncer status --json /srv/data', 'the same as one JSON object, one a line for each agent'],
      ['awssyncer status --watch /srv/data', 'live: how far behind, how fast, what is in flight, what went wrong'],
    ],
  },
  flush: {
    summary: 'wait until a running agent has uploaded everything written before the call',
    usage: 'awssyncer flush [OPTIONS] [LOCAL [s3://BUCKET[/PREFIX]]]',
    about:
      'Has the agent upload at once what was written before the call, and waits for it; what is written later does not ' +
      'prolong it. Exits with 0 only if S3 holds all of it, else with 3 and a list of what is missing and why.',
    examples: [
      ['awssyncer flush /srv/data', 'before a snapshot, or as a preStop hook'],
      ['awssyncer flush --timeout 5m --json /srv/data', 'for a script'],
    ],
  },
  'approve-deletes': {
    summary: 'let a running agent do the deletes it holds',
    usage: 'awssyncer approve-deletes [OPTIONS] [LOCAL [s3://BUCKET[/PREFIX]]]',
    about:
      'Releases the deletes that awssyncer status shows as held by --max-delete, and no later ones. Each is done only if its ' +
      'path is still absent beneath an unbroken LOCAL.',
    examples: [['awssyncer approve-deletes /srv/data', 'after a look at awssyncer status']],
  },
};

/** Exit codes as help and REFERENCE.md explain them. */
export const EXIT_TEXTS: readonly (readonly [code: string, meaning: string])[] = [
  ['0', 'everything is in sync; doctor: nothing that will not work'],
  [
    '1',
    'fatal: bucket, credentials, endpoint or LOCAL cannot be used; no agent is running; doctor found something that will not work',
  ],
  ['2', 'the command line or the environment is wrong'],
  ['3', 'finished, but some paths failed or are not uploaded; they are listed'],
  ['4', 'refused for safety: LOCAL is lost or suddenly empty, too many deletes, or another agent holds the lease'],
  ['5', 'verify found differences, or paths that could not be compared'],
];
