import type { AutoscaleProfile, AutoscaleSettingResource, ScaleRule } from '@azure/arm-monitor';
import type { AgentsSpec } from '../../shared/model/cluster';
import type { ArmResource, Body } from './arm';
import type { ClusterTemplateInput } from './input';
import { scaleSetId } from './machines';
import { clusterTags } from './names';

/** Wire name of the setting inside its own properties; the SDK calls it `namePropertiesName`. */
type SettingBody = Omit<Body<AutoscaleSettingResource>, 'namePropertiesName'> & { name: string };

/** None unless the operator asked: Azure's autoscale removes VMs by their CPU, without draining them first. */
export function autoscaleSetting(input: ClusterTemplateInput): ArmResource<SettingBody>[] {
  const { agents, location } = input.spec;
  if (!agents.autoscale) return [];
  const name = 'agents-autoscale';
  return [
    {
      type: 'Microsoft.Insights/autoscaleSettings',
      apiVersion: '2022-10-01',
      name,
      location,
      tags: clusterTags(input.cluster),
      dependsOn: [scaleSetId],
      properties: { name, enabled: true, targetResourceUri: scaleSetId, profiles: [profile(agents, agents.autoscale)] },
    },
  ];
}

function profile(agents: AgentsSpec, limits: NonNullable<AgentsSpec['autoscale']>): AutoscaleProfile {
  return {
    name: 'cpu',
    // `default` holds when there are no metrics to go by.
    capacity: { minimum: String(agents.min), maximum: String(agents.max), default: String(agents.count) },
    rules: [
      rule('GreaterThan', limits.cpuAbovePercent, 'Increase'),
      rule('LessThan', limits.cpuBelowPercent, 'Decrease'),
    ],
  };
}

/**
 * One agent at a time on a five-minute average, the shortest window that outlasts the start of a node; the cooldown
 * lets the newcomer take its share before the average is judged again.
 */
function rule(operator: 'GreaterThan' | 'LessThan', threshold: number, direction: 'Increase' | 'Decrease'): ScaleRule {
  return {
    metricTrigger: {
      metricName: 'Percentage CPU',
      metricResourceUri: scaleSetId,
      timeGrain: 'PT1M',
      statistic: 'Average',
      timeWindow: 'PT5M',
      timeAggregation: 'Average',
      operator,
      threshold,
    },
    scaleAction: { direction, type: 'ChangeCount', value: '1', cooldown: 'PT5M' },
  };
}
