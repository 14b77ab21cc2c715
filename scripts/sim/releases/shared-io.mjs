// A file of its own: who compiles releases need not be able to load sources.

/** The global that a compiled release finds `@waldb/io` in. */
export const IO = '__waldbIo';
