/** `layer2_0_downsample_0.weight` of our ResNets is `layer2.0.downsample.0.weight` there. */
export function torchvisionName(parameter: string): string {
  const end = parameter.lastIndexOf('.');
  return `${parameter.slice(0, end).replace(/_(?=\d|conv|bn|downsample)/g, '.')}${parameter.slice(end)}`;
}
