import { AppError } from '../shared/model/errors';
import type { Call, Reply } from './respond';

export async function notWritten(_: Call): Promise<Reply> {
  throw new AppError('UNSUPPORTED_CHANGE', 'not written yet');
}
