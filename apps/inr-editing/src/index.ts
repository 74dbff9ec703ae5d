export { inrEditing } from './experiment.ts';
export { pictureEdit, pictureEditNames } from './picture-edits.ts';
export type { PictureEdit } from './picture-edits.ts';
export { draw, loadSirens } from './siren-zoo.ts';
export { errorsOf, picturesOf, trainEditor } from './train-editor.ts';
