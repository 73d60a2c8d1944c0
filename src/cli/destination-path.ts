export const DESTINATIONS_PATH = "/api/destinations";

export const destinationPath = (id: string) => `${DESTINATIONS_PATH}/${encodeURIComponent(id)}`;
