/** @file What tells one zoo of fitted images from another. */
import { siren } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import type { SirenRecipe } from '@weightspace/zoo';

/** An image set whose images become SIRENs; all that a project in data/ has to say. */
export interface ImageZoo {
  /** The set's name in libs/dataset; `<set>-siren` names the zoo and, after `data-`, its project. */
  readonly set: string;
  /** What an image is called in messages, in the plural. */
  readonly images: string;
}

export const zooName = ({ set }: ImageZoo): string => `${set}-siren`;
export const projectName = (zoo: ImageZoo): string => `data-${zooName(zoo)}`;

/** The architecture that a recipe's networks have. */
export const architectureOf = ({ sizes, omega, outputOffset }: SirenRecipe): Architecture =>
  siren({ sizes, omega, outputOffset });
