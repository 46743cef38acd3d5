// Manifests of Kubernetes, read and held against what its API accepts.
import { readFileSync } from 'node:fs';
import { Deployment, StatefulSet } from 'kubernetes-models/apps/v1';
import { CronJob } from 'kubernetes-models/batch/v1';
import { PersistentVolumeClaim, Service, ServiceAccount } from 'kubernetes-models/v1';
import { parseAllDocuments } from 'yaml';

/** A variable, as far as our manifests have them. */
interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: object;
}

interface HttpProbe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly failureThreshold?: number;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly restartPolicy?: string;
  readonly env?: readonly Variable[];
  readonly envFrom?: readonly { readonly secretRef: { readonly name: string; readonly optional: boolean } }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe?: HttpProbe;
  readonly readinessProbe?: HttpProbe;
  readonly livenessProbe?: HttpProbe;
  readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly resources?: Readonly<Record<'requests' | 'limits', Readonly<Record<string, string>>>>;
  readonly securityContext?: object;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
}

export interface Pod {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly terminationGracePeriodSeconds?: number;
    readonly automountServiceAccountToken?: boolean;
    readonly serviceAccountName?: string;
    readonly securityContext?: object;
    readonly initContainers?: readonly Container[];
    readonly containers: readonly Container[];
    readonly volumes?: readonly { readonly name: string }[];
  };
}

/** One document. What our manifests have of it is typed, not what there may be. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly replicas?: number;
    readonly strategy?: { readonly type: string };
    readonly concurrencyPolicy?: string;
    readonly serviceName?: string;
    readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly podMetricsEndpoints?: readonly { readonly port: string; readonly path: string }[];
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
    readonly template?: Pod;
    readonly jobTemplate?: { readonly spec: { readonly template: Pod } };
  };
}

/** The documents of a text. @throws for what is not YAML */
export function manifestsOf(text: string): readonly Manifest[] {
  return parseAllDocuments(text, { uniqueKeys: true, strict: true }).map((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw problem;
    return document.toJS();
  });
}

export const readManifests = (path: string): readonly Manifest[] => manifestsOf(readFileSync(path, 'utf8'));

/** The pod that it makes, if it makes any. */
export function podOf({ spec }: Manifest): Pod | undefined {
  return spec?.template ?? spec?.jobTemplate?.spec.template;
}

export function containersOf({ spec }: Pod): readonly Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

const MODELS = [Deployment, StatefulSet, CronJob, PersistentVolumeClaim, Service, ServiceAccount];

/**
 * What the API server would refuse: wrong types, values and missing fields, which the validators of `kubernetes-models`
 * find, and fields that do not exist, which they do not: those that they never read.
 */
export function schemaProblems(manifest: Manifest): readonly string[] {
  const model = MODELS.find(({ apiVersion, kind }) => apiVersion === manifest.apiVersion && kind === manifest.kind);
  if (model === undefined) return [`no model of ${manifest.apiVersion} ${manifest.kind}`];
  const read = new Set<string>();
  const problems: string[] = [];
  try {
    model.prototype.validate.call(watched(manifest, '', read));
  } catch (error) {
    problems.push((error as Error).message);
  }
  const unread = fieldsOf(manifest, '').filter((field) => !read.has(field));
  return [...problems, ...unread.map((field) => `${field}: there is no such field`)];
}

/** The same, but `read` gets the path of every field that is looked at. */
function watched<T>(value: T, path: string, read: Set<string>): T {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, name) {
      const field = Reflect.get(target, name);
      if (typeof name === 'symbol') return field;
      read.add(`${path}/${name}`);
      return watched(field, `${path}/${name}`, read);
    },
  });
}

function fieldsOf(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, field]) => [`${path}/${name}`, ...fieldsOf(field, `${path}/${name}`)]);
}
