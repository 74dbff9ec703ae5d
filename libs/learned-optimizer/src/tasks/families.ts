/** @file The task families that come with the lib; a new one is a file and a line here. */
import { autoencoderFamilyKind, autoencoderKind } from './autoencoder.ts';
import { cnnFamilyKind, imageCnnKind } from './image-cnn.ts';
import { imageMlpKind, mlpFamilyKind } from './image-mlp.ts';
import { inrFamilyKind, inrFittingKind } from './inr-fitting.ts';
import { quadraticKind } from './quadratic.ts';
import { rnnLanguageFamilyKind, rnnLanguageKind } from './rnn-language.ts';
import { registerTaskFamily } from './task.ts';
import { transformerLanguageFamilyKind, transformerLanguageKind } from './transformer-language.ts';

registerTaskFamily(quadraticKind);
registerTaskFamily(imageMlpKind);
registerTaskFamily(mlpFamilyKind);
registerTaskFamily(imageCnnKind);
registerTaskFamily(cnnFamilyKind);
registerTaskFamily(autoencoderKind);
registerTaskFamily(autoencoderFamilyKind);
registerTaskFamily(inrFittingKind);
registerTaskFamily(inrFamilyKind);
registerTaskFamily(rnnLanguageKind);
registerTaskFamily(rnnLanguageFamilyKind);
registerTaskFamily(transformerLanguageKind);
registerTaskFamily(transformerLanguageFamilyKind);
