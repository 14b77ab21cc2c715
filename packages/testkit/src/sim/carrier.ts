// The two ways a simulated message travels: as the object that was sent, or through the codec as bytes.

import { decodeMessage, encodeMessage, type Message } from '@waldb/core';
import type { Carrier } from './network.js';

export const identityCarrier: Carrier = {
  pack: (message) => message,
  unpack: (packed) => packed as Message, // only what `pack` returned comes here
};

/** Decodes anew at each delivery: two copies of a message share nothing but the bytes. */
export const codecCarrier: Carrier = {
  pack: (message) => encodeMessage(message).slice(),
  unpack: (packed) => decodeMessage(packed as Uint8Array), // only what `pack` returned comes here
};
