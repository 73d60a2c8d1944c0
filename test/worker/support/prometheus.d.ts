declare module "parse-prometheus-text-format" {
  /** Reads the text exposition format. */
  export default function parsePrometheusTextFormat(text: string): {
    readonly name: string;
    readonly help: string;
    readonly type: string;
    readonly metrics: {
      readonly labels?: Record<string, string>;
      readonly value?: string;
      readonly buckets?: Record<string, string>;
      readonly count?: string;
      readonly sum?: string;
    }[];
  }[];
}
