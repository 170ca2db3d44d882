/** The table of FOVs with what an epoch predicted in place of what the run predicted at its end. */

const KEYS = new Set(["fov_id", "truth"]);
const PREDICTED = /^(prediction|probability|correct|p_.*|uncalibrated_.*|prediction_set|credibility|decision|typicality|typicality_p|unlike|unlike_reasons|disagreement|n_known|accuracy|error)$/;

/**
 * Put what an epoch predicted into the table of FOVs.
 * @param {object} fovs Table as api/s/{s}/fovs answers; it is not changed.
 * @param {object} rows Columns of the epoch: fov_id, and what it has of them.
 * @returns {{table: object, unknown: number}} Equal columns, and those that it lacked; FOVs that the epoch did not
 *   predict have none of what is predicted. `unknown` FOVs of the epoch are not in the table.
 */
export function merged(fovs, rows) {
  const total = fovs.rows.fov_id.length;
  const row = new Map(fovs.rows.fov_id.map((name, place) => [name, place]));
  const places = rows.fov_id.map((name) => row.get(name) ?? -1);
  const epoch = withScores(rows);
  const changed = {};
  for (const [name, values] of Object.entries(fovs.rows)) {
    changed[name] = PREDICTED.test(name) ? new Array(total).fill(null) : values;
  }
  for (const [name, values] of Object.entries(epoch)) {
    if (KEYS.has(name)) continue;
    const whole = PREDICTED.test(name) ? new Array(total).fill(null) : [...(fovs.rows[name] ?? new Array(total).fill(null))];
    places.forEach((place, index) => {
      if (place >= 0) whole[place] = values[index];
    });
    changed[name] = whole;
  }
  const known = new Set(fovs.columns.map((each) => each.name));
  const added = Object.keys(changed).filter((name) => !known.has(name));
  const columns = [...fovs.columns, ...added.map((name) => ({ name, type: typeOf(changed[name]) }))];
  return { table: { ...fovs, columns, rows: changed }, unknown: places.filter((place) => place < 0).length };
}

/** Add the probability of the predicted class, and whether it is the true one, as a run has them at its end. */
function withScores(rows) {
  if (!rows.prediction) return rows;
  const probability = rows.prediction.map((name, place) => rows[`p_${name}`]?.[place] ?? null);
  const correct = rows.prediction.map((name, place) => (rows.truth?.[place] ? name === rows.truth[place] : null));
  return { ...rows, label: rows.truth, probability, correct };
}

function typeOf(values) {
  const value = values.find((each) => each !== null);
  return { number: "number", boolean: "flag" }[typeof value] ?? "text";
}
