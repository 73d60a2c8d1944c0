/** Why a template, or its outcome for one event, is refused: a clause with the place, without a full stop. */
export class TemplateFault extends Error {
  override readonly name = "TemplateFault";
}
