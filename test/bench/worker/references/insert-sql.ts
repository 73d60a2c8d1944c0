export const insertSql = `
  INSERT INTO events (id, source, type, received_at, queued_at, body) VALUES (?1, 'business', ?2, ?3, ?3, ?4)
  ON CONFLICT DO NOTHING`;
