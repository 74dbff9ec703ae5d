export { cnnPark, drawParkCnn, drawParkRun, ranges } from './cnn-park.ts';
