import { AppError } from '../model/errors';
import type { ConnectEngine } from '../ports';
import { createK3sEngine } from './k3s/engine';

export const connectEngine: ConnectEngine = (engine, access) => {
  if (engine === 'k3s') return createK3sEngine(access);
  throw new AppError('UNSUPPORTED_ENGINE', `The engine ${engine} is not available in this release`);
};
