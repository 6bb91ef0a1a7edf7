-- `counted`: counters that a call of record/effects.lua changes. `plan`: see guard/counters.lua.
-- @include guard/counting
-- @include typed
local counted = { rank = 2, texts = 1, fields = 1, open = nil, commands = nil, wrong = nil, prepare = nil, apply = nil, reaches = nil }

function counted.open(group, keys, from, to, fields, at)
  group.of = counters.open({ unpack(keys, from, to) }, fields[at])
end

function counted.commands()
  return { 'HGET', 'HSET', 'HDEL', 'ZADD', 'ZREM', 'ZRANGE', 'PEXPIRE' }
end

function counted.wrong(group)
  local wrong
  for at, key in ipairs(group.of.keys) do
    wrong = wrong or typed(key, (at - 1) % 3 == 1 and 'zset' or 'hash')
  end
  return wrong
end

function counted.prepare(group, texts, from)
  local last = from + group.n - 1
  local plan = counting.prepare(group.of, from == last and texts[from] or table.concat(texts, '\n', from, last))
  if type(plan) == 'string' then
    return nil, string.sub(plan, 3)
  elseif type(plan) ~= 'table' or plan.err then
    return nil, plan
  end
  return plan
end

function counted.apply(group, plan)
  return string.sub(counting.apply(group.of, plan), 3)
end

-- Whether the change of a prepared counter reaches the target or passes it. `text` is that of the change, the `line`th of its group.
function counted.reaches(plan, line, text, target)
  local at, after = 0, nil
  for value in string.gmatch(plan.answer, '\n(%S+)') do
    at = at + 1
    if at == line then
      after = tonumber(value)
      break
    end
  end
  local before = after - string.match(text, '^%-?%d+')
  return (before < target and after >= target) or (before > target and after <= target)
end
