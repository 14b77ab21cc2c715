// Where a browser finds the dashboard.

import { type Endpoint, formatEndpoint } from '@waldb/io';

export function adminUrl(admin: Endpoint, { cert }: { readonly cert: string | undefined }): string {
  return `${cert === undefined ? 'http' : 'https'}://${formatEndpoint(admin)}/`;
}
