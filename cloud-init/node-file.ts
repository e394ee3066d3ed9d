/** What a node is given. The app is one bundled file with nothing beside it, so the texts are part of the bundle. */
export interface NodeFile {
  path: string;
  /** Octal, as text: YAML would make a number of it, which cloud-init refuses. */
  permissions: '0600' | '0644' | '0755';
  content: string;
}

export type NodeRole = 'master' | 'agent';

export const LIBRARY = '/usr/local/lib/starling';
export const UNITS = '/etc/systemd/system';

export const script = (name: string, content: string): NodeFile => ({
  path: `${LIBRARY}/${name}.sh`,
  permissions: '0755',
  content,
});

export const unit = (name: string, content: string): NodeFile => ({
  path: `${UNITS}/${name}.service`,
  permissions: '0644',
  content,
});
