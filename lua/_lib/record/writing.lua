-- `writing`: an object that a call of record/effects.lua writes or deletes. `ttl` is in milliseconds; see guard/objects.lua.
--
-- A group has two keys in each item: the object, and the highest token of its fence; the object again when the change has no fence. The
-- stored token never falls, also when a call has two tokens of one fence.
-- @include guard/objects
-- @include guard/fencing
local writing = { rank = 1, texts = 5, fields = 1, open = nil, commands = nil, prepare = nil, apply = nil }

-- By the key of a fence: the highest token that this script call stored.
local stored = {}

function writing.open(group, _, _, _, fields, at)
  group.ttl = tonumber(fields[at])
end

function writing.commands()
  return { 'HSET', 'HDEL', 'DEL', 'PEXPIRE', 'SET' }
end

function writing.prepare(group, texts, from, key, own)
  local ops, version, token = texts[from], tonumber(texts[from + 2]), tonumber(texts[from + 3])
  local lasts, fence = tonumber(texts[from + 4]), own[group.own + 1]
  if lasts > 0 and not objects.expires(key) then
    return nil, { err = 'ERR the server cannot expire fields; fieldTtl needs HPEXPIRE, which Redis 7.4 and Valkey 9 have' }
  end
  local plan = token and fencing.prepare(fence, token)
  if not plan and ops == '' then
    plan = objects.prepare_removal(key, { version = version })
  elseif not plan then
    plan = objects.prepare(key, { ops = cjson.decode(ops), whole = texts[from + 1] == '1', version = version })
  end
  if type(plan) == 'string' then
    return nil, '1 ' .. plan
  elseif plan.err then
    return nil, plan
  end
  plan.key, plan.fence, plan.token, plan.lasts = key, fence, token, lasts
  return plan
end

function writing.apply(group, plan)
  local fence, token = plan.fence, plan.token
  if token and token >= (stored[fence] or 0) then
    stored[fence] = token
    fencing.apply(fence, token)
  end
  if not plan.set then
    return objects.apply_removal(plan.key, plan)
  end
  return objects.apply(plan.key, plan, group.ttl, plan.lasts)
end
