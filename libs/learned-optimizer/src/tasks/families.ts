/** @file The task families that come with the lib; a new one is a file and a line here. */
import { imageMlpKind, mlpFamilyKind } from './image-mlp.ts';
import { quadraticKind } from './quadratic.ts';
import { registerTaskFamily } from './task.ts';

registerTaskFamily(quadraticKind);
registerTaskFamily(imageMlpKind);
registerTaskFamily(mlpFamilyKind);
