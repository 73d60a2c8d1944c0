/** What the relay takes for one also where it is not for this machine alone: 32 characters or more. */
export const ADMIN_TOKEN = "test-admin-token-of-32-characters-or-more";
