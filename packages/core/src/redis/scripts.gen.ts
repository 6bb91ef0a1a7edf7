// Generated from lua/ by `pnpm generate`. Do not edit.
import { lines, type Arg, type Reply, type Script } from './script.ts'

const piece1 = `local function typed(key, type)
local is = redis.call('TYPE', key).ok
if is ~= type and is ~= 'none' then
return { err = 'WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. type }
end
end`

const piece2 = `local counters = { open = nil, ready = nil, state = nil, save = nil, begin = nil, flush = nil, keep = nil, tell = nil }
local MOST_DUE = 32
local MOST_CHANGES = 128
function counters.open(keys, plan)
local numbers, channel = string.match(plan, '^([^\\n]*)\\n?(.*)$')
local words = {}
for word in string.gmatch(numbers, '%S+') do
words[#words + 1] = tonumber(word)
end
return {
keys = keys,
values = keys[1],
expiring = keys[2],
reserved = keys[3],
floor = words[1],
ceiling = words[2],
initial = words[3],
remember = words[4] * 1000,
start = words[5],
turn = words[6],
finish = words[7],
lives = words[8],
next_lives = words[9],
looked = false,
answer = nil,
kept = {},
states = nil,
changed = nil,
records = nil,
changed_records = nil,
made = nil,
ended = nil,
channel = channel,
followed = nil,
}
end
local function choose(of)
if not of.start then
return nil
end
if now < of.start or now >= of.finish then
return now
end
if now >= of.turn then
of.values, of.expiring, of.reserved, of.lives = of.keys[4], of.keys[5], of.keys[6], of.next_lives
end
end
local function parsed(of, text)
if not text then
return { of.initial, 0, 0 }
end
if type(text) == 'table' then
return text
end
local value, down, up = tonumber(text), 0, 0
if not value then
value, down, up = string.match(text, '^(%-?%d+) (%-?%d+) (%d+)$')
value, down, up = tonumber(value), tonumber(down), tonumber(up)
end
if not value or value % 1 ~= 0 or math.abs(value) > 9007199254740991 or down < -9007199254740991 or up > 9007199254740991 then
return { err = 'ERR ' .. of.values .. ' has a field that no counter wrote: set or delete it' }
end
return { value, down, up }
end
function counters.state(of, name)
local known = of.states and of.states[name]
if known then
return { known[1], known[2], known[3] }
end
return parsed(of, redis.pcall('HGET', of.values, name))
end
function counters.begin(of, names)
local texts = #names > 0 and redis.pcall('HMGET', of.values, unpack(names)) or {}
if texts.err then
return texts
end
local states = {}
for at, name in ipairs(names) do
local state = parsed(of, texts[at])
if state.err then
return state
end
states[name] = state
end
of.states, of.changed, of.made, of.ended = states, {}, {}, {}
of.records, of.changed_records = of.records or {}, {}
end
function counters.keep(of, key)
if of.lives and not of.kept[key] then
of.kept[key] = true
redis.call('PEXPIRE', key, math.max(1, math.ceil(of.lives - now / 1000)))
end
end
function counters.tell(of, sign, name)
if of.followed == nil then
local count = of.channel ~= '' and redis.pcall('PUBSUB', 'SHARDNUMSUB', of.channel)
of.followed = count and not count.err and count[2] > 0
end
if of.followed then
redis.pcall('SPUBLISH', of.channel, sign .. name)
end
end
local function write(of, states)
local set, gone = {}, {}
for name, state in pairs(states) do
local value, down, up = state[1], state[2], state[3]
if down ~= 0 or up ~= 0 then
set[#set + 1] = name
set[#set + 1] = string.format('%.0f %.0f %.0f', value, down, up)
elseif value == of.initial then
gone[#gone + 1] = name
else
set[#set + 1] = name
set[#set + 1] = string.format('%.0f', value)
end
end
if #set > 0 then
redis.call('HSET', of.values, unpack(set))
counters.keep(of, of.values)
end
if #gone > 0 then
redis.call('HDEL', of.values, unpack(gone))
end
end
function counters.save(of, states)
for name, state in pairs(states) do
if state.more and of.followed ~= false then
counters.tell(of, '+', name)
end
if state.less and of.followed ~= false then
counters.tell(of, '-', name)
end
if of.states then
of.states[name], of.changed[name] = state, state
end
end
if not of.states then
write(of, states)
end
end
function counters.flush(of)
write(of, of.changed)
local records = {}
for id, record in pairs(of.changed_records or {}) do
records[#records + 1] = id
records[#records + 1] = record
end
if #records > 0 then
redis.call('HSET', of.reserved, unpack(records))
counters.keep(of, of.reserved)
end
if #of.made > 0 then
redis.call('ZADD', of.expiring, unpack(of.made))
counters.keep(of, of.expiring)
end
if #of.ended > 0 then
redis.call('ZADD', of.expiring, 'GT', unpack(of.ended))
end
of.states = nil
end
local function give_back(of, record)
local states, count = {}, 0
for by, name in string.gmatch(record, '\\n(%-?%d+) ([^\\n]+)') do
local state = states[name] or counters.state(of, name)
count = count + 1
if not state.err then
by = tonumber(by)
if by < 0 then
state[2], state.more = math.min(0, state[2] - by), true
else
state[3], state.less = math.max(0, state[3] - by), true
end
states[name] = state
end
end
counters.save(of, states)
return count
end
local function expire(of, id)
local record = redis.call('HGET', of.reserved, id)
if record and string.sub(record, 1, 1) == 'r' then
local count = give_back(of, record)
redis.call('HSET', of.reserved, id, 'e')
redis.call('ZADD', of.expiring, string.format('%.0f', now + of.remember), id)
return count
end
redis.call('HDEL', of.reserved, id)
redis.call('ZREM', of.expiring, id)
return 1
end
function counters.ready(of)
if of.looked then
return of.answer
end
of.looked = true
of.answer = choose(of)
if of.answer then
return of.answer
end
local due = redis.pcall('ZRANGE', of.expiring, '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, MOST_DUE + 1)
if due.err then
of.answer = due
elseif #due > 0 then
of.answer = typed(of.values, 'hash') or typed(of.reserved, 'hash')
local changes = 0
for at = 1, of.answer and 0 or math.min(#due, MOST_DUE) do
if changes < MOST_CHANGES then
changes = changes + expire(of, due[at])
else
of.answer = 0
end
end
if #due > MOST_DUE then
of.answer = of.answer or 0
end
end
return of.answer
end`

const piece3 = `local dedup = { prepare = nil, apply = nil }
function dedup.prepare(key)
return redis.pcall('GET', key) or nil
end
function dedup.apply(key, answer, window)
redis.call('SET', key, answer, 'PX', window)
end`

const piece4 = `local counting = { prepare = nil, apply = nil, count = nil, count_once = nil }
local function text_of(state)
return string.format('%.0f %.0f %.0f', state[1], state[2], state[3])
end
local function change(state, by, set, floor, ceiling, hold)
local value, down, up = state[1], state[2], state[3]
if set then
if by + down < floor then
return 'floor'
end
if by + up > ceiling then
return 'ceiling'
end
state.more = state.more or by > value
state.less = state.less or by < value
state[1] = by
return nil
end
if by < 0 and value + down + by < floor then
return 'floor'
end
if by > 0 and value + up + by > ceiling then
return 'ceiling'
end
if not hold then
state[1] = value + by
state.more = state.more or by > 0
state.less = state.less or by < 0
elseif by < 0 then
state[2] = down + by
else
state[3] = up + by
end
end
function counting.prepare(of, changes, hold)
local wait = counters.ready(of)
if wait then
return wait
end
local states, lines, refused, at = {}, { '+' }, { '-' }, 0
for set, by, floor, ceiling, name in string.gmatch(changes, '(=?)(%-?%d+) (%S+) (%S+) ([^\\n]+)') do
at = at + 1
local state = states[name] or counters.state(of, name)
if state.err then
return state
end
states[name] = state
local reason = change(state, tonumber(by), set == '=', tonumber(floor) or of.floor, tonumber(ceiling) or of.ceiling, hold)
if reason then
refused[#refused + 1] = string.format('%d %s %s', at, reason, text_of(state))
else
lines[#lines + 1] = text_of(state)
end
end
if #refused > 1 then
return table.concat(refused, '\\n')
end
return { states = states, answer = table.concat(lines, '\\n') }
end
function counting.apply(of, plan)
counters.save(of, plan.states)
return plan.answer
end
function counting.count(of, changes)
local planned = counting.prepare(of, changes)
if type(planned) ~= 'table' or planned.err then
return planned
end
return counting.apply(of, planned)
end
function counting.count_once(of, key, changes, window)
local print = string.sub(redis.sha1hex(changes), 1, 10)
local first = dedup.prepare(key)
if first then
if type(first) == 'table' then
return first
end
return string.sub(first, 1, 10) == print and '=' .. string.sub(first, 12) or '!'
end
local planned = counting.prepare(of, changes)
if type(planned) ~= 'table' or planned.err then
return planned
end
local answer = counting.apply(of, planned)
dedup.apply(key, print .. answer, window)
return answer
end`

const piece5 = `local wait = counters.ready(of)
if wait then
return wait == 0 and 'again' or wait
end
local replies = together({ change })
if replies then
return replies[1]
end
local name, by = parts(change)
return counting.count(of, string.format('%.0f - - %s', by, name))`

const piece6 = `if reply == nil then reply = false end
replies[done] = reply
end
end
while done < items do
local ok, reply = pcall(run)
if not ok then
local text = type(reply) == 'table' and reply.err or tostring(reply)
if not string.match(text, '^%u+ ') then text = 'ERR ' .. text end
reply = { err = text .. ' on @user_script' }
replies[done] = reply
end
end
return replies`

const piece7 = `local claiming = { prepare = nil, apply = nil, wait = nil, prepare_end = nil, apply_end = nil }
local GRACE = 60000
local function parsed(text)
local untl, waits, token = string.match(text, '^c (%d+) (%d) (%S+)$')
if untl and #untl < 17 then
return { untl = tonumber(untl), waits = waits == '1', token = token }
end
end
function claiming.prepare(key, token, renew)
local text = redis.pcall('GET', key)
if not text then
return renew and 'l' or true
end
if type(text) == 'table' then
return text
end
local kind = string.sub(text, 1, 1)
if kind == 'd' or kind == 'f' then
return renew and 'l' or text
end
local claim = parsed(text)
if not claim then
return { err = 'ERR ' .. key .. ' was not written by a claim: delete it' }
end
if claim.token == token then
return true, claim.token
end
if renew then
return 'l', claim.token
end
if claim.untl > now then
return 'w' .. string.format('%.0f', math.ceil((claim.untl - now) / 1000)), claim.token
end
return true, claim.token
end
function claiming.apply(key, token, lease)
local text = redis.call('GET', key)
local claim = text and parsed(text)
local waits = claim and claim.waits and 1 or 0
local record = string.format('c %.0f %d %s', now + lease * 1000, waits, token)
redis.call('SET', key, record, 'PX', string.format('%.0f', lease + GRACE))
end
function claiming.wait(key)
local text = redis.call('GET', key)
local claim = text and parsed(text)
if claim and not claim.waits then
redis.call('SET', key, string.format('c %.0f 1 %s', claim.untl, claim.token), 'KEEPTTL')
end
end
function claiming.prepare_end(key, token)
local text = redis.pcall('GET', key)
if type(text) == 'table' then
return text
end
local claim = text and parsed(text)
return claim and claim.token == token and claim
end
function claiming.apply_end(key, kind, result, window)
if window == '0' then
redis.call('DEL', key)
else
redis.call('SET', key, kind .. result, 'PX', window)
end
end`

const piece8 = `local may = claiming.prepare(key, token, renew == '1')
if may == true then
claiming.apply(key, token, lease)
return 'c'
end
if type(may) == 'string' and string.sub(may, 1, 1) == 'w' then
claiming.wait(key)
end
return may`

const piece9 = `local fingerprint = string.match(token, '/(.*)$') or ''
local may, holder = claiming.prepare(key, token, mode == 'r')
if holder and string.match(holder, '/(.*)$') ~= fingerprint then
return 'x'
end
if may == true then
claiming.apply(key, token, lease)
return 'c'
end
if type(may) == 'string' then
local state = string.sub(may, 1, 1)
if (state == 'd' or state == 'f') and string.sub(may, 2, 1 + #fingerprint) ~= fingerprint then
return 'x'
end
if state == 'w' and mode == 'w' then
claiming.wait(key)
end
end
return may`

const piece10 = `local claim = claiming.prepare_end(key, token)
if not claim then
return 0
end
if claim.err then
return claim
end
if claim.waits then
redis.pcall('SPUBLISH', live, kind .. result)
end
claiming.apply_end(key, kind, result, kind == 'n' and '0' or window)
return 1`

const piece11 = `local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4])`

const piece12 = `local wait = counters.ready(of)
if wait then
return wait
end
local lines = {}
for name in string.gmatch(names, '[^\\n]+') do
local state = counters.state(of, name)
if state.err then
return state
end
lines[#lines + 1] = string.format('%.0f %.0f %.0f', state[1], state[2], state[3])
end
return table.concat(lines, '\\n')`

const piece13 = `local wait = counters.ready(of)
if wait then
return wait
end
local due = redis.call('ZRANGE', of.expiring, 0, 0, 'WITHSCORES')[2]
local left = due and math.max(1, math.ceil((due - now) / 1000)) or tonumber(most)
return string.format('%.0f', math.min(left, most))`

const piece14 = `local fencing = { prepare = nil, apply = nil }
local STORED = '2678400000'
function fencing.prepare(key, token)
local text = redis.pcall('GET', key)
if not text then
return nil
end
if type(text) == 'table' then
return text
end
local highest = tonumber(text)
if not highest or highest ~= highest or highest > 9007199254740991 then
return { err = 'ERR ' .. key .. ' holds no fence token: delete it' }
end
if token < highest then
return string.format('f %.0f', highest)
end
end
function fencing.apply(key, token)
redis.call('SET', key, string.format('%.0f', token), 'PX', STORED)
end`

const piece15 = `local reserving = { begin = nil, prepare = nil, apply = nil, reserve = nil, prepare_end = nil, apply_end = nil, finish = nil }
local function record_of(of, id)
local known = of.states and of.records[id]
if known ~= nil then
return known
end
return redis.pcall('HGET', of.reserved, id)
end
local function put(of, id, record, due, ends)
local score = string.format('%.0f', due)
if of.states then
of.records[id], of.changed_records[id] = record, record
local scores = ends and of.ended or of.made
scores[#scores + 1] = score
scores[#scores + 1] = id
return
end
redis.call('HSET', of.reserved, id, record)
if ends then
redis.call('ZADD', of.expiring, 'GT', score, id)
return
end
redis.call('ZADD', of.expiring, score, id)
counters.keep(of, of.reserved)
counters.keep(of, of.expiring)
end
function reserving.begin(of, ids)
local records = redis.pcall('HMGET', of.reserved, unpack(ids))
if records.err then
return records
end
local names, seen = {}, {}
of.records = {}
for at, id in ipairs(ids) do
local record = records[at]
of.records[id] = record
if record and string.sub(record, 1, 1) == 'r' then
for name in string.gmatch(record, '\\n%-?%d+ ([^\\n]+)') do
if not seen[name] then
seen[name] = true
names[#names + 1] = name
end
end
end
end
return counters.begin(of, names)
end
function reserving.prepare(of, id)
local record = record_of(of, id)
if not record then
return nil
end
return record.err and record or string.sub(record, 1, 1)
end
function reserving.apply(of, id, changes, lasts)
local record = { 'r' }
for by, name in string.gmatch(changes, '(%-?%d+) %S+ %S+ ([^\\n]+)') do
record[#record + 1] = by .. ' ' .. name
end
put(of, id, table.concat(record, '\\n'), now + lasts * 1000, false)
if of.followed ~= false then
counters.tell(of, 't', lasts)
end
end
function reserving.reserve(of, changes, id, lasts, new)
local planned = counting.prepare(of, changes, true)
local first = not new and counters.ready(of) == nil and reserving.prepare(of, id)
if first then
return type(first) == 'table' and first or '=' .. first
end
if type(planned) ~= 'table' or planned.err then
return planned
end
local answer = counting.apply(of, planned)
reserving.apply(of, id, changes, lasts)
return answer
end
local function fits(by, down, up)
return by >= down and by <= up
end
function reserving.prepare_end(of, id, amounts)
local wait = counters.ready(of)
if wait then
return wait
end
local record = record_of(of, id)
if not record then
return ''
end
if record.err then
return record
end
if string.sub(record, 1, 1) ~= 'r' then
return string.sub(record, 1, 1)
end
local states, held = {}, {}
for by, name in string.gmatch(record, '\\n(%-?%d+) ([^\\n]+)') do
local state = states[name] or counters.state(of, name)
if state.err then
return state
end
states[name] = state
local change = held[name]
if not change then
change = { by = 0, down = 0, up = 0 }
held[name] = change
end
by = tonumber(by)
change.by = change.by + by
if by < 0 then
change.down = change.down + by
else
change.up = change.up + by
end
end
if amounts then
for by, name in string.gmatch(amounts, '(%-?%d+) ([^\\n]+)') do
local change = held[name]
by = tonumber(by)
if not change or not fits(by, change.down, change.up) then
return '!' .. name
end
change.by = by
end
end
return { id = id, states = states, held = held }
end
function reserving.apply_end(of, plan, how)
for name, change in pairs(plan.held) do
local state = plan.states[name]
local made = how == 'c' and change.by or 0
state[1] = state[1] + made
state[2] = math.min(0, state[2] - change.down)
state[3] = math.max(0, state[3] - change.up)
state.more = made > change.down
state.less = made < change.up
end
counters.save(of, plan.states)
put(of, plan.id, how, now + of.remember, true)
end
function reserving.finish(of, later, id, how)
local at, amounts = of, nil
if #how > 1 then
how, amounts = string.sub(how, 1, 1), string.sub(how, 3)
end
local planned = reserving.prepare_end(of, id, amounts)
if planned == '' and later then
at = later
planned = reserving.prepare_end(later, id, amounts)
end
if type(planned) ~= 'table' or planned.err then
return planned
end
reserving.apply_end(at, planned, how)
return '+'
end`

const piece16 = `token = tonumber(token)
local refused = fencing.prepare(fence, token)
if refused then
return refused
end
local answer = made(fence, once, changes, id, lasts)
if type(answer) == 'string' and string.sub(answer, 1, 1) == '+' then
fencing.apply(fence, token)
end
return answer`

const piece17 = `token = tonumber(token)
local refused = fencing.prepare(fence, token)
if refused then
return refused
end
local answer = reserving.finish(of, later, id, how)
if answer == '+' then
fencing.apply(fence, token)
end
return answer`

const piece18 = `token = tonumber(token)
local refused = fencing.prepare(fence, token)
if refused then
return refused
end
local is = redis.call('TYPE', value).ok
if is ~= 'string' and is ~= 'none' then
return { err = 'WRONGTYPE ' .. value .. ' is a ' .. is .. ', not a string' }
end
fencing.apply(fence, token)
redis.call('SET', value, string.format('%.0f ', token) .. text, 'PX', lasts)
return '+'`

const piece19 = `local fences = { open = nil, look = nil, next = nil }
function fences.open(key)
return { key = key, last = nil, stored = nil }
end
function fences.look(of)
if of.last then
return
end
local text = redis.pcall('GET', of.key)
if type(text) == 'table' then
return text
end
local last = tonumber(text or 0)
if not last or last ~= last or last < 0 or last >= 9007199254740991 then
return { err = 'ERR ' .. of.key .. ' holds no fence: delete it' }
end
of.last = last
end
function fences.next(of)
if not of.stored or of.last >= of.stored then
of.last = math.max(math.floor(of.last) + 1, now)
of.stored = of.last + #KEYS
redis.call('SET', of.key, string.format('%.0f', of.stored))
return of.last
end
of.last = of.last + 1
return of.last
end`

const piece20 = `local queueing = { open = nil, heads = nil, add = nil, drop = nil, tell = nil }
local PAGE = 32
local PAGES = 8
local LIFE = 7200000
function queueing.open(channel)
return { channel = channel, there = {} }
end
local function parts(ticket)
return string.match(ticket, '^([^:]+):(%d+)')
end
local function is_there(of, process)
local found = of.there[process]
if found == nil then
found = redis.call('PUBSUB', 'SHARDNUMSUB', of.channel .. process)[2] > 0
of.there[process] = found
end
return found
end
function queueing.heads(of, queue, most)
local heads = {}
for _ = 1, PAGES do
local page = redis.pcall('ZRANGE', queue, 0, PAGE - 1, 'WITHSCORES')
if page.err then
return page
end
local gone = {}
for at = 1, #page, 2 do
local process = parts(page[at])
if not process or not is_there(of, process) then
gone[#gone + 1] = page[at]
else
heads[#heads + 1] = { page[at], tonumber(page[at + 1]) }
if #heads == most then
break
end
end
end
if #gone > 0 then
redis.call('ZREM', queue, unpack(gone))
end
if #heads > 0 or #gone < PAGE then
return heads
end
end
return heads
end
function queueing.add(queue, ticket, order)
redis.call('ZADD', queue, string.format('%.0f', order), ticket)
redis.call('PEXPIRE', queue, LIFE)
end
function queueing.drop(queue, ticket)
redis.call('ZREM', queue, ticket)
end
function queueing.tell(of, ticket, word)
local process, number = parts(ticket)
redis.pcall('SPUBLISH', of.channel .. process, word .. number)
end`

const piece21 = `local locking = { open = nil, ask = nil, renew = nil, release = nil, leave = nil, write = nil }
local SLACK = 1000
function locking.open(fence, channel, lease, claim)
return { fences = fences.open(fence), queues = queueing.open(channel), lease = tonumber(lease), claim = tonumber(claim) }
end
local function read(lock)
local text = redis.pcall('GET', lock)
if not text or type(text) == 'table' then
return text
end
local untl, fence, owner, label = string.match(text, '^(%d+) (%d+) (%S+) (.*)$')
if not untl or #untl > 16 or #fence > 16 then
return { err = 'ERR ' .. lock .. ' was not written by a lock: delete it' }
end
return { untl = tonumber(untl), fence = tonumber(fence), owner = owner, label = label }
end
local length, ends, ttl
function locking.write(lock, lasts, fence, owner, label)
if lasts ~= length then
length, ends, ttl = lasts, string.format('%.0f ', now + lasts * 1000), string.format('%.0f', lasts + SLACK)
end
redis.call('SET', lock, ends .. string.format('%.0f', fence) .. ' ' .. owner .. ' ' .. label, 'PX', ttl)
end
local function pass_on(of, lock, queue, heads)
local first, second = heads[1], heads[2]
if not first then
redis.call('DEL', lock)
return
end
locking.write(lock, of.claim, 0, first[1], string.format('%.0f', first[2]))
queueing.drop(queue, first[1])
queueing.tell(of.queues, first[1], 'o')
if second then
queueing.tell(of.queues, second[1], 's')
end
end
local function look(of, lock, queue, owner, order)
local record = read(lock)
if record and record.err then
return record
end
if record and record.owner == owner and record.untl > now then
return nil
end
if record and record.untl > now and (record.fence > 0 or (tonumber(record.label) or 0) < order) then
return { untl = record.untl }
end
local heads = queueing.heads(of.queues, queue, 2)
if heads.err then
return heads
end
local first = heads[1]
if first and first[1] ~= owner and first[2] < order then
return { untl = now + of.claim * 1000, heads = heads }
end
end
function locking.ask(of, locks, asked, label)
local wrong = fences.look(of.fences)
if wrong then
return wrong
end
local owner, order, own = asked, '-', ''
if string.find(asked, ' ', 1, true) then
owner, order, own = string.match(asked, '^(%S+) (%S+) ?(.*)$')
label = own ~= '' and own or label
end
if #locks == 2 and redis.call('EXISTS', locks[1], locks[2]) == 0 then
local fence = fences.next(of.fences)
locking.write(locks[1], of.lease, fence, owner, label)
return fence
end
local mine = tonumber(order) or math.huge
local blocked, untl = {}, 0
for at = 1, #locks, 2 do
local found = look(of, locks[at], locks[at + 1], owner, mine)
if found then
if found.err then
return found
end
blocked[at] = found
untl = math.max(untl, found.untl)
end
end
if untl == 0 then
local fence = fences.next(of.fences)
for at = 1, #locks, 2 do
locking.write(locks[at], of.lease, fence, owner, label)
if order ~= '-' then
queueing.drop(locks[at + 1], owner)
end
end
return fence
end
for at = 2, order == '-' and 0 or #locks, 2 do
wrong = typed(locks[at], 'zset')
if wrong then
return wrong
end
end
if order == '+' then
mine = fences.next(of.fences)
end
local wait = math.ceil((untl - now) / 1000)
for at = 1, #locks, 2 do
local lock, queue, why = locks[at], locks[at + 1], blocked[at]
if why and why.heads then
pass_on(of, lock, queue, why.heads)
end
if order ~= '-' then
if why then
queueing.add(queue, owner, mine)
else
locking.write(lock, wait + of.claim, 0, owner, string.format('%.0f', mine))
queueing.drop(queue, owner)
end
end
end
return string.format('%.0f %.0f', wait, order == '-' and 0 or mine)
end
function locking.renew(lock, owner, lease)
local record = read(lock)
if not record or record.err then
return record or 0
end
if record.owner ~= owner or record.fence == 0 or record.untl <= now then
return 0
end
locking.write(lock, lease, record.fence, owner, record.label)
return 1
end
local function give_up(of, lock, queue, record)
if redis.call('EXISTS', queue) == 0 then
redis.call('DEL', lock)
return record.fence > 0 and record.untl > now and 1 or 0
end
local heads = queueing.heads(of.queues, queue, 2)
if heads.err then
return heads
end
pass_on(of, lock, queue, heads)
return record.fence > 0 and record.untl > now and 1 or 0
end
function locking.release(of, lock, queue, owner)
local record = read(lock)
if not record or record.err then
return record or 0
end
return record.owner == owner and give_up(of, lock, queue, record) or 0
end
function locking.leave(of, lock, queue, owner)
local record = read(lock)
if record and record.err then
return record
end
local dropped = redis.pcall('ZREM', queue, owner)
if type(dropped) == 'table' then
return dropped
end
if not record or record.owner ~= owner then
return 0
end
local done = give_up(of, lock, queue, record)
if type(done) == 'table' then
error(done)
end
return done
end`

const piece22 = `local text = redis.pcall('GET', lock)
if type(text) == 'table' then
return text
end
local has, owner = string.match(text or '', '^%d+ (%d+) (%S+) ')
if not has or has ~= fence then
return 0
end
return locking.release(of, lock, queue, owner)`

const piece23 = `local text = redis.pcall('GET', key)
if type(text) == 'table' then
return text
end
if not text or string.sub(text, 1, 1) == 'c' then
return 0
end
return redis.call('DEL', key)`

const piece24 = `local free_locks = { ask = nil, release = nil }
local function sorted(places, arguments)
if #places ~= 2 * #arguments then
return nil
end
local locks, queues, seen = {}, {}, {}
for at = 1, #arguments do
local lock = places[2 * at - 1]
if seen[lock] then
return nil
end
seen[lock] = true
locks[at], queues[at] = lock, places[2 * at]
end
return locks, queues
end
function free_locks.ask(of, places, tickets, label)
local locks = sorted(places, tickets)
if not locks or string.find(table.concat(tickets), ' ', 1, true) or redis.call('EXISTS', unpack(places)) > 0 then
return nil
end
if fences.look(of.fences) then
return nil
end
local replies = {}
for at = 1, #locks do
local fence = fences.next(of.fences)
locking.write(locks[at], of.lease, fence, tickets[at], label)
replies[at] = fence
end
return replies
end
function free_locks.release(places, owners)
local locks, queues = sorted(places, owners)
local texts = locks and redis.pcall('MGET', unpack(locks))
if not texts or texts.err then
return nil
end
local replies = {}
for at = 1, #owners do
local untl, fence, owner = string.match(texts[at] or '', '^(%d+) (%d+) (%S+) ')
if owner ~= owners[at] or #untl > 16 or #fence > 16 then
return nil
end
replies[at] = tonumber(fence) > 0 and tonumber(untl) > now and 1 or 0
end
if redis.call('EXISTS', unpack(queues)) > 0 then
return nil
end
redis.call('DEL', unpack(locks))
return replies
end`

const piece25 = `local untl, fence, label = string.match(redis.call('GET', lock) or '', '^(%d+) (%d+) %S+ (.*)$')
local left = untl and math.ceil((untl - now) / 1000) or 0
if left <= 0 then
return { '', '', '', redis.call('ZCARD', queue) }
end
return { string.format('%.0f', left), fence, label, redis.call('ZCARD', queue) }`

const piece26 = `local objects = { prepare = nil, apply = nil, prepare_removal = nil, apply_removal = nil, expires = nil }
local LARGEST = 9007199254740991
local given = {}
local function look(key, request)
local stored = redis.pcall('HMGET', key, ':v', ':x')
if stored.err then
return stored
end
local version = tonumber(stored[1] or 0)
if not version or version > LARGEST then
return { err = 'ERR ' .. key .. ' was not written by objects: delete it' }
end
if request.version and request.version ~= version then
return string.format('v %.0f', version)
end
return nil, version, stored[2]
end
function objects.expires(key)
local wrong = redis.pcall('HPEXPIRE', key, 1, 'FIELDS', 1, ':none').err
return wrong == nil or string.sub(wrong, 1, 9) == 'WRONGTYPE'
end
local function text_of(number)
return number == math.floor(number) and math.abs(number) <= LARGEST and string.format('%.0f', number)
or string.format('%.17g', number)
end
function objects.prepare(key, request)
local refused, version, one = look(key, request)
if refused then
return refused
end
if one and not request.whole then
return 'w '
end
local set, gone, sums, lines = {}, {}, {}, {}
for _, op in ipairs(request.ops) do
local kind, field = op[1], op[2]
if kind == 's' then
set[field] = op[3]
elseif kind == 'd' then
gone[#gone + 1] = field
else
local before = sums[field] or not request.whole and redis.pcall('HGET', key, field) or '0'
local value = type(before) == 'string' and tonumber(before)
if not value then
return type(before) == 'table' and before or 'n ' .. field
end
local after = value + op[3]
if op[3] < 0 and after < op[4] then
return 'l ' .. field .. ' floor ' .. text_of(value)
end
if op[3] > 0 and after > op[5] then
return 'l ' .. field .. ' ceiling ' .. text_of(value)
end
if after ~= after or math.abs(after) == math.huge then
return 'n ' .. field
end
sums[field] = text_of(after)
set[field] = sums[field]
lines[#lines + 1] = sums[field]
end
end
return { set = set, gone = gone, lines = lines, whole = request.whole, version = math.max(version + 1, (given[key] or 0) + 1, now) }
end
function objects.apply(key, plan, ttl, field_ttl)
given[key] = plan.version
local fields = { ':v', string.format('%.0f', plan.version) }
local expiring = {}
for field, json in pairs(plan.set) do
fields[#fields + 1] = field
fields[#fields + 1] = json
expiring[#expiring + 1] = field
end
if plan.whole then
redis.call('DEL', key)
elseif #plan.gone > 0 then
redis.call('HDEL', key, unpack(plan.gone))
end
redis.call('HSET', key, unpack(fields))
if ttl > 0 then
redis.call('PEXPIRE', key, ttl)
end
if field_ttl and field_ttl > 0 and #expiring > 0 then
redis.call('HPEXPIRE', key, field_ttl, 'FIELDS', #expiring, unpack(expiring))
end
table.insert(plan.lines, 1, fields[2])
return '+' .. table.concat(plan.lines, '\\n')
end
function objects.prepare_removal(key, request)
local refused, version = look(key, request)
return refused or { version = version }
end
function objects.apply_removal(key, plan)
given[key] = math.max(plan.version, given[key] or 0)
redis.call('DEL', key)
return string.format('+%.0f', plan.version)
end`

const piece27 = `token = tonumber(token)
local refused = token and fencing.prepare(fence, token)
if refused then
return refused
end
local planned = objects.prepare_removal(object, { version = tonumber(version) })
if type(planned) ~= 'table' or planned.err then
return planned
end
if token then
fencing.apply(fence, token)
end
return objects.apply_removal(object, planned)`

const piece28 = `lasts, token = tonumber(lasts), tonumber(token)
if lasts > 0 and not objects.expires(object) then
return 'u'
end
local refused = token and fencing.prepare(fence, token)
if refused then
return refused
end
local request = { ops = cjson.decode(ops), whole = whole == '1', version = tonumber(version) }
local planned = objects.prepare(object, request)
if type(planned) ~= 'table' or planned.err then
return planned
end
if token then
fencing.apply(fence, token)
end
return objects.apply(object, planned, ttl, lasts)`

const piece29 = `local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4], ARGV[arg + 5])`

const piece30 = `local permits = { open = nil, ask = nil, release = nil, leave = nil, renew = nil }
local PAGE = 64
local PAGES = 16
local LIFE = 7200000
function permits.open(fence, channel, size, lease, claim)
return {
fences = fences.open(fence),
queues = queueing.open(channel),
size = tonumber(size),
lease = tonumber(lease),
claim = tonumber(claim),
}
end
local function weight_of(ticket)
return tonumber(string.match(ticket, ':%d+:(%d+)$')) or 1
end
local function set_extra(extra, sum)
if sum > 0 then
redis.call('SET', extra, string.format('%.0f', sum), 'PX', LIFE)
else
redis.call('DEL', extra)
end
end
local function put(held, ticket, lasts)
redis.call('ZADD', held, string.format('%.0f', now + lasts * 1000), ticket)
redis.call('PEXPIRE', held, LIFE)
end
local function used(held, extra)
local sum = redis.pcall('GET', extra)
if type(sum) == 'table' then
return sum
end
local before = tonumber(sum or 0) or 0
sum = before
for _ = 1, PAGES do
local ended = redis.pcall('ZRANGE', held, '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, PAGE)
if ended.err then
return sum == before and ended or error(ended)
end
if #ended > 0 then
redis.call('ZREM', held, unpack(ended))
for _, ticket in ipairs(ended) do
sum = sum - weight_of(ticket) + 1
end
end
if #ended < PAGE then
break
end
end
local count = redis.call('ZCARD', held)
sum = count == 0 and 0 or math.max(0, sum)
if sum ~= before then
set_extra(extra, sum)
end
return count + sum, sum
end
local function add_extra(extra, sum, ticket)
local more = weight_of(ticket) - 1
if more > 0 then
set_extra(extra, sum + more)
end
return sum + more
end
local function pass_on(of, held, extra, queue, taken, sum)
for _ = 1, PAGE do
local heads = queueing.heads(of.queues, queue, 2)
if heads.err or not heads[1] then
return taken
end
local ticket = heads[1][1]
if taken + weight_of(ticket) > of.size then
return taken
end
put(held, ticket, of.claim)
sum = add_extra(extra, sum, ticket)
taken = taken + weight_of(ticket)
queueing.drop(queue, ticket)
queueing.tell(of.queues, ticket, 'o')
if heads[2] then
queueing.tell(of.queues, heads[2][1], 's')
end
end
return taken
end
local function grant(of, held, ticket)
put(held, ticket, of.lease)
return fences.next(of.fences)
end
function permits.ask(of, held, extra, queue, ticket, order)
local wrong = fences.look(of.fences) or typed(queue, 'zset')
if wrong then
return wrong
end
local taken, sum = used(held, extra)
if type(taken) == 'table' then
return taken
end
if redis.call('ZSCORE', held, ticket) then
return grant(of, held, ticket)
end
local mine = tonumber(order) or math.huge
local first = queueing.heads(of.queues, queue, 1)[1]
local turn = not first or first[1] == ticket or mine < first[2]
if turn and taken + weight_of(ticket) <= of.size then
add_extra(extra, sum, ticket)
if order ~= '-' then
queueing.drop(queue, ticket)
end
return grant(of, held, ticket)
end
if order == '+' then
mine = fences.next(of.fences)
end
if not turn then
pass_on(of, held, extra, queue, taken, sum)
end
if order ~= '-' then
queueing.add(queue, ticket, mine)
end
local soonest = redis.call('ZRANGE', held, 0, 0, 'WITHSCORES')[2]
local wait = soonest and math.max(1, math.ceil((soonest - now) / 1000)) or of.claim
return string.format('%.0f %.0f', wait, order == '-' and 0 or mine)
end
local function look(held, extra, queue, ticket)
local wrong = typed(queue, 'zset') or typed(held, 'zset')
if wrong then
return wrong
end
local score = redis.pcall('ZSCORE', held, ticket)
if type(score) == 'table' then
return score
end
local taken, sum = used(held, extra)
if type(taken) == 'table' then
return taken
end
return { ours = score and tonumber(score) > now, taken = taken, sum = sum }
end
local function give_up(of, held, extra, queue, ticket, found)
local taken, sum = found.taken, found.sum
if found.ours then
redis.call('ZREM', held, ticket)
taken = taken - weight_of(ticket)
if weight_of(ticket) > 1 then
sum = math.max(0, sum - weight_of(ticket) + 1)
set_extra(extra, sum)
end
end
pass_on(of, held, extra, queue, taken, sum)
return found.ours and 1 or 0
end
function permits.release(of, held, extra, queue, ticket)
local found = look(held, extra, queue, ticket)
return found.err and found or give_up(of, held, extra, queue, ticket, found)
end
function permits.leave(of, held, extra, queue, ticket)
local found = look(held, extra, queue, ticket)
if found.err then
return found
end
queueing.drop(queue, ticket)
return give_up(of, held, extra, queue, ticket, found)
end
function permits.renew(of, held, ticket)
local score = redis.pcall('ZSCORE', held, ticket)
if type(score) == 'table' then
return score
end
if not score or tonumber(score) <= now then
return 0
end
put(held, ticket, of.lease)
return 1
end`

const piece31 = `local reply = item(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], ARGV[arg + 1], ARGV[arg + 2])`

const piece32 = `local taken = 0
local from = '(' .. string.format('%.0f', now)
for _, ticket in ipairs(redis.call('ZRANGE', held, from, '+inf', 'BYSCORE', 'LIMIT', 0, MOST)) do
taken = taken + (tonumber(string.match(ticket, ':%d+:(%d+)$')) or 1)
end
return { taken, redis.call('ZCARD', queue) }`

const piece33 = `lasts = tonumber(lasts)
return reserving.reserve(of, changes, id, math.abs(lasts), lasts < 0)`

const piece34 = `local replies = together({ ids })
return replies and replies[1] or seeing.prepare(of, ids)`

const piece35 = `if waits == '1' then
return permits.leave(of, held, extra, queue, ticket)
end
return permits.release(of, held, extra, queue, ticket)`

const piece36 = `local function groups(stream)
local found = {}
for at, fields in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
local group = {}
for field = 1, #fields, 2 do
group[fields[field]] = fields[field + 1]
end
found[at] = group
end
return found
end`

const piece37 = `local function ids(stream, first, last, most)
local found, bytes = {}, 0
for step = 1, most do
local count = math.min(step == 1 and 4 or 16, most - #found)
if count <= 0 or bytes >= 262144 then
return found, false
end
local page = redis.call('XRANGE', stream, first, last, 'COUNT', count)
for _, entry in ipairs(page) do
found[#found + 1] = entry[1]
for _, text in ipairs(entry[2]) do
bytes = bytes + #text
end
end
if #page < count then
return found, true
end
first = '(' .. page[count][1]
end
return found, false
end`

const piece38 = `local function undelivered(stream, last, lag)
local function count(first, final)
local found, all = ids(stream, first, final, 512)
return #found, all
end
local next_up = redis.call('XRANGE', stream, '(' .. last, '+', 'COUNT', 1)[1]
if not next_up then
return 0, 1
end
next_up = next_up[1]
local length = redis.call('XLEN', stream)
local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1][1]
if first == next_up then
return length, 1, next_up
end
if lag then
return math.min(lag, length), 1, next_up
end
local behind, all = count('-', last)
if all then
return length - behind, 1, next_up
end
local ahead, rest = count(next_up, '+')
if rest then
return ahead, 1, next_up
end
local function ms(id)
return tonumber(string.match(id, '%d+'))
end
local final = ms(redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1][1])
local span = final - ms(first)
local share = span > 0 and (final - ms(next_up)) / span or 0.5
local estimate = math.floor(length * share + 0.5)
return math.max(ahead, math.min(estimate, length - behind)), 0, next_up
end`

const piece39 = `local stream, ready, delayed, dead, paused, busy, queued, lows = unpack(of)
local length = redis.call('XLEN', stream)
local all = (length > 0 or redis.call('EXISTS', stream) == 1) and groups(stream) or {}
local here, oldest
for _, each in ipairs(all) do
if each.name == group then
here = each
end
end
local function consider(id)
local ms = id and tonumber(string.match(id, '%d+'))
if ms and (not oldest or ms < oldest) then
oldest = ms
end
end
local waiting, exact, next_up = 0, 1, nil
if here and here.lag then
waiting = math.min(here.lag, length)
local first = waiting > 0 and redis.call('XRANGE', stream, '(' .. here['last-delivered-id'], '+', 'COUNT', 1)[1]
next_up = first and first[1]
elseif length > 0 then
waiting, exact, next_up = undelivered(stream, here and here['last-delivered-id'] or '0-0', nil)
end
consider(next_up)
local read = here and (here['entries-read'] or here['last-delivered-id'] == '0-0' and 0)
local added = not here and length or here.lag and read and here.lag + read or -1
local running, alive, consumers = 0, {}, {}
local function workers_of(key)
for _, fields in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
local consumer = {}
for at = 1, #fields, 2 do
consumer[fields[at]] = fields[at + 1]
end
consumers[consumer.name] = true
alive[consumer.name] = consumer.idle < ALIVE_MS or alive[consumer.name] or nil
end
end
if here then
running = here.pending
if here.consumers > 0 then
workers_of(stream)
end
if running > 0 then
consider(redis.call('XPENDING', stream, group, '-', '+', 1)[1][1])
end
end
local more = redis.call('EXISTS', ready, dead, paused, busy, queued, lows) > 0
local again = more and redis.call('XLEN', ready) or 0
if again > 0 or (more and not next(alive) and redis.call('EXISTS', ready) == 1) then
for _, each in ipairs(groups(ready)) do
if each.name == group then
running = running + each.pending
again = math.max(0, again - each.pending)
workers_of(ready)
end
end
local first = redis.call('XRANGE', ready, '-', '+', 'COUNT', 1)[1]
for at = 1, first and #first[2] or 0, 2 do
if first[2][at] == 'i' then
consider(first[2][at + 1])
elseif first[2][at] == 'm' then
consider(string.match(first[2][at + 1], '%z%u(%d+)'))
end
end
end
local queued_count = more and redis.call('ZCARD', queued) or 0
if queued_count > 0 then
consider(string.match(redis.call('ZRANGE', queued, 0, 0)[1], '%z%u(%d+)'))
end
local function size(names)
local count = 0
for _ in pairs(names) do
count = count + 1
end
return count
end
local reply = {
length,
waiting + again + (more and redis.call('ZCARD', lows) or 0),
exact,
running,
redis.call('ZCARD', delayed),
queued_count + (more and tonumber(redis.call('HGET', busy, '\\1') or nil) or 0),
more and redis.call('XLEN', dead) or 0,
more and redis.call('PTTL', paused) or -2,
oldest and math.max(0, math.floor(now / 1000) - oldest) or 0,
size(alive),
size(consumers),
added,
}
for _, each in ipairs(all) do
reply[#reply + 1] = each.name
end
return reply`

const piece40 = `local board = {}
function board.open(keys, plan)
local open = {}
for at, window in ipairs(plan.windows) do
local period = 1
if window.next then
if now < window.start or now >= window.finish then
return nil
end
period = now < window.next and 1 or 2
end
open[at] = {
z = keys[window.z[period]],
d = window.d and keys[window.d[period]],
period = period,
lives = window.lives and window.lives[period],
log = window.log and keys[window.log],
parts = window.parts and keys[window.parts],
gone = window.gone and keys[window.gone],
last = window.last,
grain = window.grain,
}
end
return open
end
function board.wrong(plan, keys, open)
local wrong
for _, window in ipairs(open) do
wrong = wrong
or typed(window.z, 'zset')
or window.d and typed(window.d, 'zset')
or window.log and (typed(window.log, 'stream') or typed(window.gone, 'hash'))
or window.parts and typed(window.parts, 'hash')
end
return wrong or plan.ids and (typed(keys[plan.ids], 'hash') or typed(keys[plan.idlog], 'stream'))
end
function board.score(plan, value)
return plan.shift and math.floor(value / plan.shift) or value
end
function board.value(plan, score, time)
if not plan.shift then
return score
end
local ticks = math.floor((time - plan.since) / plan.unit)
return score * plan.shift + math.max(0, math.min(ticks, plan.shift - 1))
end
function board.text(plan, value)
return string.format(plan.limit and '%d' or '%.17g', value)
end
local function name_of(score)
return string.format('%.17g', score + 0)
end
function board.range(plan, set, start, stop)
if plan.reverse then
return redis.call('ZRANGE', set, start, stop, 'REV', 'WITHSCORES')
end
return redis.call('ZRANGE', set, start, stop, 'WITHSCORES')
end
function board.members(plan, set, start, stop)
if plan.reverse then
return redis.call('ZRANGE', set, start, stop, 'REV')
end
return redis.call('ZRANGE', set, start, stop)
end
function board.position(plan, set, member)
if plan.reverse then
return redis.call('ZREVRANK', set, member)
end
return redis.call('ZRANK', set, member)
end
function board.count(plan, set, best, worst)
if plan.reverse then
return redis.call('ZCOUNT', set, worst or '-inf', best or '+inf')
end
return redis.call('ZCOUNT', set, best or '-inf', worst or '+inf')
end
function board.differ(plan, window, before, after)
local old = before and board.score(plan, before)
local new = after and board.score(plan, after)
if old == new then
return
end
if new then
redis.call('ZADD', window.d, new, name_of(new))
end
if old then
local low, high = old, old
if plan.shift then
low, high = old * plan.shift, old * plan.shift + plan.shift - 1
end
if #redis.call('ZRANGE', window.z, low, high, 'BYSCORE', 'LIMIT', 0, 1) == 0 then
redis.call('ZREM', window.d, name_of(old))
end
end
end
function board.write(plan, window, member, before, after)
if after then
redis.call('ZADD', window.z, board.text(plan, after), member)
else
redis.call('ZREM', window.z, member)
end
if window.d then
board.differ(plan, window, before, after)
end
end
function board.write_all(plan, window, before, after)
local put, off = {}, {}
for member, value in pairs(after) do
if value and value ~= before[member] then
put[#put + 1] = board.text(plan, value)
put[#put + 1] = member
elseif not value and before[member] then
off[#off + 1] = member
end
end
if #put > 0 then
redis.call('ZADD', window.z, unpack(put))
end
if #off > 0 then
redis.call('ZREM', window.z, unpack(off))
end
if window.d then
for member, value in pairs(after) do
board.differ(plan, window, before[member], value)
end
end
end
function board.keep_with_log(window)
if redis.call('PTTL', window.z) ~= -1 then
return
end
local left = redis.call('PTTL', window.log)
redis.call('PEXPIRE', window.z, left)
if window.d then
redis.call('PEXPIRE', window.d, left)
end
end
local stamp = string.format('%.0f-*', now)
function board.append(log, ...)
local id = redis.pcall('XADD', log, stamp, ...)
if type(id) == 'table' and id.err then
return redis.call('XADD', log, '*', ...)
end
return id
end
function board.time_of(id)
return tonumber(string.match(id, '^(%d+)%-%d+'))
end`

const piece41 = `local function end_increments(ids, idlog, window, plain, name)
if redis.call('EXISTS', ids) == 1 then
local start = not plain.next and 0 or window.period == 1 and plain.start or plain.next
local field = string.format('s%s %.0f', name, start)
redis.call('HSET', ids, field, board.append(idlog, 'f', field))
local life = redis.call('PTTL', ids)
if life >= 0 then
redis.call('PEXPIRE', idlog, math.max(life, 1))
end
end
end`

const piece42 = `local change_told = {}
local function tell_change(config)
if config.live and not change_told[config.live] then
change_told[config.live] = true
redis.pcall('SPUBLISH', config.live, '')
end
end`

const piece43 = `local open = board.open(keys, config)
if not open then
return now
end
local wrong = board.wrong(config, keys, open)
if wrong then
return wrong
end
tell_change(config)
for at, each in ipairs(open) do
local plain = config.windows[at]
for nth, z in ipairs(plain.z) do
redis.call('UNLINK', keys[z], keys[plain.d and plain.d[nth] or z])
end
if each.log then
empty_log(each)
elseif window ~= '' and config.ids then
end_increments(keys[config.ids], keys[config.idlog], each, plain, window)
end
end
for _, former in ipairs(config.former) do
redis.call('UNLINK', keys[former[1]], keys[former[2]] or keys[former[1]])
end
if window == '' then
redis.call('UNLINK', keys[config.data])
if config.ids then
redis.call('UNLINK', keys[config.ids], keys[config.idlog])
end
end
return '+'`

const piece44 = `local wrong = typed(declaration, 'hash')
if wrong then
return wrong
end
fields = cjson.decode(fields)
local names = {}
for at = 1, #fields, 2 do
names[#names + 1] = fields[at]
end
local stored = redis.call('HMGET', declaration, unpack(names))
local conflicts = {}
for at, name in ipairs(names) do
if stored[at] and stored[at] ~= fields[2 * at] then
conflicts[#conflicts + 1] = name
conflicts[#conflicts + 1] = stored[at]
end
end
if #conflicts > 0 then
return conflicts
end
local before = redis.call('HGET', declaration, '')
local lives = redis.call('PTTL', declaration)
redis.call('HSET', declaration, '', rest, unpack(fields))
if tonumber(life) > 0 then
if lives ~= -1 then
redis.call('PEXPIRE', declaration, math.max(lives, life))
end
elseif lives >= 0 then
redis.call('PERSIST', declaration)
end
return before and before ~= rest and { '', before } or nil`

const piece45 = `local found = redis.pcall('HDEL', seasons, id, 'data ' .. id)
if type(found) == 'table' then
return found
end
redis.call('UNLINK', ranking, distinct, copy, rewards)
return math.min(found, 1)`

const piece46 = `local done
if data == '' then
done = redis.pcall('HDEL', keys[1], member)
else
done = redis.pcall('HSET', keys[1], member, data)
end
return type(done) == 'table' and done or 1`

const piece47 = `local at = config.season
local seasons, ranking, distinct, ids, idlog = keys[at[1]], keys[at[2]], keys[at[3]], keys[at[4]], keys[at[5]]
local wrong = typed(seasons, 'hash') or typed(ids, 'hash') or typed(idlog, 'stream')
if wrong then
return wrong
end
local known = redis.call('HGET', seasons, id)
if known then
return '=' .. known
end
local open = board.open(keys, config)
if not open then
return now
end
wrong = board.wrong(config, keys, open)
if wrong then
return wrong
end
if redis.call('HLEN', seasons) >= 2 * MOST_SEASONS then
return redis.error_reply('ERR the board has ' .. MOST_SEASONS .. ' seasons; delete old ones')
end
tell_change(config)
local source, plain = open[1], config.windows[1]
local record = string.format('%.0f %d %s', now, redis.call('ZCARD', source.z), window)
store(source.z, ranking, tonumber(kept))
if source.d then
store(source.d, distinct, tonumber(kept))
end
if current == '1' then
end_increments(ids, idlog, source, plain, window)
end
redis.call('HSET', seasons, id, record)
return '+' .. record`

const piece48 = `local log, gone, parts = keys[1], keys[2], keys[3]
local wrong = typed(log, 'stream') or typed(gone, 'hash') or parts and typed(parts, 'hash')
if wrong then
return wrong
end
local marker = redis.call('HGET', gone, member)
if not marker then
return nil
end
if not string.match(marker, '^%d+%-%d+$') then
redis.call('HDEL', gone, member)
return nil
end
local page = redis.pcall('XRANGE', log, from, marker, 'COUNT', STEP)
if page.err then
return page
end
local erased = {}
for _, entry in ipairs(page) do
if entry[2][2] == member and entry[1] ~= marker then
erased[#erased + 1] = entry[1]
end
end
local last = #page == STEP and page[STEP][1]
if last and last ~= marker then
if #erased > 0 then
redis.call('XDEL', log, unpack(erased))
end
else
last = nil
redis.call('XDEL', log, marker, unpack(erased))
redis.call('HDEL', gone, member)
end
if parts and #erased > 0 then
redis.call('HDEL', parts, unpack(erased))
end
return last and '(' .. last`

const piece49 = `local function earlier(a, b)
local a_time, a_number = string.match(a, '(%d+)-(%d+)')
local b_time, b_number = string.match(b, '(%d+)-(%d+)')
if a_time == b_time then
a_time, b_time = a_number, b_number
end
if #a_time ~= #b_time then
return #a_time < #b_time
end
return a_time < b_time
end`

const piece50 = `local ids, idlog = keys[1], keys[2]
local wrong = typed(ids, 'hash') or typed(idlog, 'stream')
if wrong then
return wrong
end
local removal = 'x' .. member
local marker = redis.call('HGET', ids, removal)
if not marker then
return nil
end
if not string.match(marker, '^%d+%-%d+$') then
redis.call('HDEL', ids, removal)
return nil
end
local page = redis.pcall('XRANGE', idlog, from, marker, 'COUNT', STEP)
if page.err then
return page
end
local fields, removals = {}, {}
for _, entry in ipairs(page) do
local field = entry[2][2]
if field == removal then
removals[#removals + 1] = entry[1]
else
fields[#fields + 1] = field
end
end
local erased = #fields > 0 and naming(ids, member, fields, marker) or {}
if #erased > 0 then
redis.call('HSET', ids, unpack(erased))
end
local last = #page == STEP and page[STEP][1]
if last == marker then
last = nil
end
if not last then
redis.call('HDEL', ids, removal)
end
if #removals > 0 then
redis.call('XDEL', idlog, unpack(removals))
end
return last and '(' .. last`

const piece51 = `local found = 0
for _, key in ipairs(keys) do
if redis.call('EXISTS', key) == 1 then
found = 1
if time == '0' then
redis.call('PERSIST', key)
else
redis.call('PEXPIRE', key, math.max(0, math.ceil(time - now / 1000)))
end
end
end
return found`

const piece52 = `if math.abs(by) >= HARMLESS then
local score = redis.pcall('ZSCORE', keys[1], member) or 0
if type(score) == 'table' then
return score
end
local sum = score + by
if math.abs(sum) == math.huge then
return redis.error_reply('ERR the new score of ' .. member .. ' would be too large')
end
end
return redis.pcall('ZINCRBY', keys[1], by, member)`

const piece53 = `local merged, rows, progress = keys[1], keys[2], keys[3]
local wrong = typed(merged, 'zset') or typed(rows, 'zset') or typed(progress, 'hash')
if wrong then
return wrong
end
local ended = joined ~= '' and ended_since(progress, tonumber(joined))
if ended then
return ended
end
local began, source, cursor, anew = progress_of(rows, progress)
local sets = sets_at(began)
if not sets or sets.err then
return sets or began
end
if anew then
redis.call('UNLINK', rows)
if ended_since(progress, began) then
redis.call('HDEL', progress, 'ended')
end
end
local most = math.max(10, math.floor(READS / (#sets + 1)))
local members, next_cursor = page_of(sets[source], rows, cursor, most)
if #members > 0 then
add(rows, members, merged_values(sets, members))
end
if next_cursor == '0' and (cursor ~= '0' or #members < most) then
source = source + 1
end
if source > #sets then
return complete(merged, rows, progress, life, began)
end
local began_text = string.format('%.0f', began)
redis.call('HSET', progress, 'at', began_text, 'source', source, 'cursor', next_cursor, 'rows', redis.call('ZCARD', rows))
redis.call('PEXPIRE', progress, PATIENCE)
redis.call('PEXPIRE', rows, PATIENCE)
return '+' .. began_text`

const piece54 = `local rank = redis.call('ZRANK', keys[1], member)
return rank and rank .. ' ' .. redis.call('ZSCORE', keys[1], member)`

const piece55 = `local rows = {}
local ESCAPES = { ['\\\\'] = '\\\\\\\\', ['\\n'] = '\\\\n' }
local function members_of(lines)
local members = {}
for at = 1, #lines, 2 do
members[#members + 1] = lines[at]
end
return members
end
local function escape(lines)
for at = 1, #lines, 2 do
lines[at] = string.gsub(lines[at], '[\\\\\\n]', ESCAPES)
end
end
local function line_of(text)
return text and (string.gsub(text, '\\n', ' ')) or ''
end
local function add_data(lines, data, members)
local texts = redis.pcall('HMGET', data, unpack(members))
if texts.err then
error({ err = texts.err .. ' (' .. data .. ')' })
end
for _, text in ipairs(texts) do
lines[#lines + 1] = line_of(text)
end
end
local function before(plan, window, style, value, position)
if style == 'ordinal' then
return position
end
local score = board.score(plan, tonumber(value))
if style == 'dense' then
return board.count(plan, window.d, false, string.format('(%.17g', score))
end
return board.count(plan, window.z, false, string.format('(%.17g', plan.shift and score * plan.shift or score))
end
local function reply_of(plan, window, style, how, position, lines)
local base, count = position, #lines / 2
if count > 0 then
base = before(plan, window, style, lines[2], position)
local members = how.data and members_of(lines)
if how.exact then
escape(lines)
end
if members then
add_data(lines, how.data, members)
end
end
return string.format('%d\\n%d\\n%d\\n', position, base, count) .. table.concat(lines, '\\n')
end
function rows.range(plan, window, style, how, start, stop)
return reply_of(plan, window, style, how, tonumber(start), board.range(plan, window.z, start, stop))
end
function rows.around(plan, window, style, how, member, each, fill)
local position = board.position(plan, window.z, member)
if not position then
return false
end
local start, stop = math.max(0, position - each), position + each
if fill == '1' then
start = math.max(0, math.min(start, redis.call('ZCARD', window.z) - 1 - 2 * each))
stop = start + 2 * each
end
return rows.range(plan, window, style, how, start, stop)
end
function rows.between(plan, window, style, how, best, worst, from, count)
local position = 0
if best ~= (plan.reverse and '+inf' or '-inf') then
position = board.count(plan, window.z, false, string.sub(best, 1, 1) == '(' and string.sub(best, 2) or '(' .. best)
end
local start = position + from
local stop = math.min(position + board.count(plan, window.z, best, worst), start + count) - 1
if stop < start then
return reply_of(plan, window, style, how, start, {})
end
return rows.range(plan, window, style, how, start, stop)
end
local function found(plan, window, style, member)
local value = redis.call('ZSCORE', window.z, member)
local position = value and style == 'ordinal' and board.position(plan, window.z, member)
return value, value and before(plan, window, style, value, position)
end
function rows.rank(plan, window, style, how, member)
local value, count = found(plan, window, style, member)
if not value then
return false
end
return value .. '\\n' .. count .. '\\n' .. (how.data and line_of(redis.call('HGET', how.data, member)) or '')
end
function rows.of(plan, window, style, how, members)
members = cjson.decode(members)
local lines = {}
for at, value in ipairs(redis.call('ZMSCORE', window.z, unpack(members))) do
local position = value and style == 'ordinal' and board.position(plan, window.z, members[at])
lines[2 * at - 1] = value or ''
lines[2 * at] = value and before(plan, window, style, value, position) or ''
end
if how.data then
add_data(lines, how.data, members)
end
return table.concat(lines, '\\n')
end
function rows.count(plan, window, _, _, best, worst)
if best == (plan.reverse and '+inf' or '-inf') and worst == (plan.reverse and '-inf' or '+inf') then
return tostring(redis.call('ZCARD', window.z))
end
return tostring(board.count(plan, window.z, best ~= '' and best, worst))
end
function rows.different(plan, window, _, _, bound)
return tostring(board.count(plan, window.d, false, bound))
end
local MOST_SUMMED = 1000
function rows.sum(plan, window)
if redis.call('ZCARD', window.z) > MOST_SUMMED then
return false
end
local values, sum = redis.call('ZRANGE', window.z, 0, -1, 'WITHSCORES'), 0
for at = 2, #values, 2 do
sum = sum + board.score(plan, tonumber(values[at]))
end
return string.format('%.17g', sum)
end
function rows.worse(plan, window, _, _, member)
local value = redis.call('ZSCORE', window.z, member)
if not value then
return false
end
local last = tonumber(value)
if plan.shift then
last = board.score(plan, last) * plan.shift + plan.shift - 1
end
return board.count(plan, window.z, string.format('(%.17g', last), false) .. '\\n' .. redis.call('ZCARD', window.z)
end
function rows.better(plan, window, _, _, member)
local value, count = found(plan, window, 'competition', member)
return value and count .. '\\n' .. redis.call('ZCARD', window.z)
end
local function snapped(exact)
local whole = math.floor(exact + 0.5)
return math.abs(exact - whole) <= whole * 1e-14 and whole or exact
end
function rows.interpolated(plan, window, _, _, percent)
local last = redis.call('ZCARD', window.z) - 1
if last < 0 then
return false
end
local exact = snapped(percent * last / 100)
local below = math.floor(exact)
local position = last - below
local values = board.range(plan, window.z, math.max(0, position - 1), position)
return values[#values] .. '\\n' .. values[2] .. '\\n' .. string.format('%.17g', exact - below)
end
function rows.quantile(plan, window, _, _, percent)
local count = redis.call('ZCARD', window.z)
if count == 0 then
return false
end
local wanted = math.max(1, math.ceil(snapped(percent * count / 100)))
return board.range(plan, window.z, count - wanted, count - wanted)[2]
end
function rows.scan(_, window, _, how, cursor)
local next_cursor, lines = unpack(redis.call('ZSCAN', window.z, cursor, 'COUNT', 100))
local count = #lines / 2
if how.exact then
escape(lines)
end
return string.format('%s\\n%d\\n%d\\n', next_cursor, window.period, count) .. table.concat(lines, '\\n')
end
local PLAIN, EXACT = {}, { exact = true }
function rows.how(data, key)
if data == '0' then
return PLAIN
end
return data == '2' and EXACT or { data = key, exact = data == '3' }
end`

const piece56 = `windows = windows or open()
if not windows then
return now
end
local lines, members = {}, cjson.encode({ member })
for at, each in ipairs(list) do
lines[at] = rows.of(each.plan, windows[at], style, rows.how('0'), members)
end
return table.concat(lines, '\\n')`

const piece57 = `local what, style, data, a, b, c, d = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]`

const piece58 = `open = open or board.open(keys, config)
if not open then
return now
end
return rows[what](config, open[1], style, rows.how(data, keys[config.data]), a, b, c, d)`

const piece59 = `local reply = item(ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4], ARGV[arg + 5], ARGV[arg + 6], ARGV[arg + 7])`

const piece60 = `local function take_part(window, id, member)
local amount = redis.call('HGET', window.parts, id)
redis.call('HDEL', window.parts, id)
if redis.call('HGET', window.parts, '=' .. member) == id then
redis.call('HDEL', window.parts, '=' .. member)
end
return amount or 0
end
local function remove_from_window(plan, window, budget)
local bound = now - window.last
if bound < 0 then
return budget
end
local cut = string.format('%.0f', bound)
local due = redis.call('XRANGE', window.log, '-', cut, 'COUNT', budget + 1)
if #due == 0 then
return budget
end
local newest = redis.call('XREVRANGE', window.log, '+', '-', 'COUNT', 1)[1][1]
if board.time_of(newest) <= bound then
redis.call('UNLINK', window.z, window.log, window.gone, window.parts or window.log, window.d or window.log)
return budget
end
if budget == 0 then
return -1
end
local count = math.min(#due, budget)
local members = {}
for at = 1, count do
members[at] = due[at][2][2]
end
local markers = redis.call('EXISTS', window.gone) == 1 and redis.call('HMGET', window.gone, unpack(members))
local sums, times, done = {}, {}, {}
for at, member in ipairs(members) do
local id, by = due[at][1], due[at][2][4]
local marker = markers and markers[at]
marker = marker and board.time_of(marker) and marker
if by == '' then
if marker == id then
done[#done + 1] = member
end
else
if by == '+' then
by = take_part(window, id, member)
end
by = tonumber(by)
if by and by ~= 0 and math.abs(by) < 2 ^ 53 and not (marker and earlier(id, marker)) then
sums[member] = (sums[member] or 0) + by
times[member] = plan.shift and board.time_of(id) + window.last
end
end
end
if #done > 0 then
redis.call('HDEL', window.gone, unpack(done))
end
local values = redis.call('ZMSCORE', window.z, unpack(members))
local before, after = {}, {}
for at, member in ipairs(members) do
local sum = sums[member]
if sum and before[member] == nil then
local value = tonumber(values[at]) or false
local score = (value and board.score(plan, value) or 0) - sum
before[member] = value
after[member] = score ~= 0 and board.value(plan, score, times[member])
end
end
board.write_all(plan, window, before, after)
board.keep_with_log(window)
local left = due[budget + 1]
redis.call('XTRIM', window.log, 'MINID', '=', left and left[1] or string.format('%.0f', bound + 1))
return left and -1 or budget - #due
end
local DUE = 32
local function remove_expired(plan, windows, most)
local budget = DUE
for _, window in ipairs(windows) do
if window.log then
budget = remove_from_window(plan, window, budget)
if budget < 0 then
return false
end
end
end
return not most or DUE - budget <= most
end`

const piece61 = `if current == nil then
open = board.open(keys, config)
local wrong = board.wrong(config, keys, open) or typed(keys[config.data], 'hash')
if wrong then
return wrong
end
current = remove_expired(config, open)
end
if not current then
return 0
end
return rows[what](config, open[1], style, rows.how(data, keys[config.data]), a, b, c, d)`

const piece62 = `local record = redis.call('HGET', keys[1], 'i' .. id)
local time = record and board.time_of(record)
return time and time < 2 ^ 53 and now - time < tonumber(window) and time or nil`

const piece63 = `local function delete_old_ids(ids, idlog, window)
local bound = now - window
if bound < 0 then
return
end
local old = redis.call('XRANGE', idlog, '-', string.format('%.0f', bound), 'COUNT', 4)
for _, entry in ipairs(old) do
local field = entry[2][2]
local record = redis.call('HGET', ids, field)
if record and (board.time_of(record) or 0) <= board.time_of(entry[1]) then
redis.call('HDEL', ids, field)
end
redis.call('XDEL', idlog, entry[1])
end
end`

const piece64 = `local removal = { open = nil, prepare = nil, apply = nil }
local function sets_of_other_periods(of)
local sets, keys = {}, of.keys
for at, window in ipairs(of.config.windows) do
if window.next then
local other = 3 - of.windows[at].period
sets[#sets + 1] = { z = keys[window.z[other]], d = window.d and keys[window.d[other]] }
end
end
for _, former in ipairs(of.config.former) do
sets[#sets + 1] = { z = keys[former[1]], d = keys[former[2]] }
end
return sets
end
function removal.open(keys, plan)
return { keys = keys, config = cjson.decode(plan), windows = nil }
end
function removal.prepare(of, member)
local config, keys = of.config, of.keys
of.windows = of.windows or board.open(keys, config)
if not of.windows then
return now
end
local wrong = board.wrong(config, keys, of.windows) or typed(keys[config.data], 'hash')
if wrong then
return wrong
end
local others = sets_of_other_periods(of)
for _, set in ipairs(others) do
local value = redis.pcall('ZSCORE', set.z, member)
wrong = type(value) == 'table' and value or value and set.d and typed(set.d, 'zset')
if wrong then
return wrong
end
set.before = tonumber(value) or false
end
if not remove_expired(config, of.windows) then
return 0
end
local before, logged = {}, {}
for at, window in ipairs(of.windows) do
before[at] = tonumber(redis.call('ZSCORE', window.z, member)) or false
logged[at] = window.log and redis.call('EXISTS', window.log) == 1
end
return {
member = member,
before = before,
logged = logged,
others = others,
has_ids = config.ids and redis.call('EXISTS', keys[config.idlog]) == 1,
}
end
function removal.apply(of, plan)
tell_change(of.config)
local config, keys, member = of.config, of.keys, plan.member
local removed = '0'
for at, window in ipairs(of.windows) do
local before = plan.before[at]
if before then
board.write(config, window, member, before, false)
removed = '1'
end
if plan.logged[at] then
if window.parts then
redis.call('HDEL', window.parts, '=' .. member)
end
redis.call('HSET', window.gone, member, board.append(window.log, 'm', member, 'b', ''))
for _, key in ipairs({ window.log, window.gone, window.parts or window.log }) do
redis.call('PEXPIRE', key, math.ceil(window.last / 1000) + 3600000)
end
end
end
for _, set in ipairs(plan.others) do
if set.before then
board.write(config, set, member, set.before, false)
end
end
redis.call('HDEL', keys[config.data], member)
if plan.has_ids then
local ids, idlog = keys[config.ids], keys[config.idlog]
delete_old_ids(ids, idlog, config.dedup)
redis.call('HSET', ids, 'x' .. member, board.append(idlog, 'f', 'x' .. member))
for _, key in ipairs({ ids, idlog }) do
redis.call('PEXPIRE', key, math.ceil(config.dedup / 1000) + 3600000)
end
end
return removed
end`

const piece65 = `local planned = removal.prepare(of, member)
if type(planned) ~= 'table' or planned.err then
return planned
end
return removal.apply(of, planned)`

const piece66 = `local config = of.config
of.windows = of.windows or board.open(keys, config)
if not of.windows then
return now
end
local wrong = board.wrong(config, keys, of.windows)
if wrong then
return wrong
end
if not remove_expired(config, of.windows) then
return 0
end
local most = math.max(1, math.min(50, math.floor(200 / (2 * #of.windows + #config.former))))
local z, members = of.windows[tonumber(window)].z, nil
if kind == 'score' then
local low, high = best, worst
if config.reverse then
low, high = worst, best
end
members = redis.call('ZRANGE', z, low, high, 'BYSCORE', 'LIMIT', 0, most)
else
members = board.members(config, z, best, math.min(worst, best + most - 1))
end
for _, member in ipairs(members) do
local planned = removal.prepare(of, member)
if type(planned) ~= 'table' or planned.err then
return planned
end
removal.apply(of, planned)
end
return members`

const piece67 = `local wrong = typed(seasons, 'hash') or typed(ranking, 'zset') or typed(data, 'hash') or typed(copy, 'hash')
if wrong then
return wrong
end
local field = 'data ' .. id
local from = redis.call('HGET', seasons, field) or '0'
if from == 'all' or redis.call('HEXISTS', seasons, id) == 0 then
return 0
end
local members = {}
if redis.call('EXISTS', data) == 1 then
members = redis.call('ZRANGE', ranking, from, from + STEP - 1)
end
if #members == 0 then
redis.call('HSET', seasons, field, 'all')
return 0
end
local put = {}
for at, text in ipairs(redis.call('HMGET', data, unpack(members))) do
if text then
put[#put + 1] = members[at]
put[#put + 1] = text
end
end
if #put > 0 then
redis.call('HSET', copy, unpack(put))
local life = redis.call('PTTL', ranking)
if life > 0 then
redis.call('PEXPIRE', copy, life)
end
end
redis.call('HSET', seasons, field, from + #members)
return 1`

const piece68 = `local reply = item(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], KEYS[key + 4], ARGV[arg + 1])`

const piece69 = `local planned = reversal.prepare(of, id, time)
if not planned then
return 0
end
if planned == 0 then
return 2
end
if planned.err then
return planned
end
reversal.apply(of, planned)
return 1`

const piece70 = `watch, events = tonumber(watch), events == '1'
local planned = scoring.prepare(of, cjson.decode(changes), watch == 0 and not events)
if type(planned) ~= 'table' or planned.err then
return planned
end
return scoring.apply(of, planned, watch, events)`

const piece71 = `local function leading_block(saved)
if not saved or #saved < 40 then
return nil, nil, nil, 0, 0
end
local id, ends, length, time, listing = struct.unpack('<ddddd', saved)
if id ~= 0 or not (length >= 0 and length <= #saved - 40 and ends >= 0 and ends < 2 ^ 53 and time >= 0) then
return nil, nil, nil, 0, 0
end
return time, ends, string.sub(saved, 41, 40 + length), 40 + length, listing
end`

const piece72 = `local function damaged(key)
error({ err = "ERR the key '" .. key .. "' contains data that no limiter wrote: reset its subject, or delete the key" })
end`

const piece73 = `local function checked_read(keys, type_of, read, ...)
local ok, result = pcall(read, ...)
if ok then
return result
end
for at, key in ipairs(keys) do
local wrong = typed(key, type_of(at))
if wrong then
return nil, wrong
end
end
local text = type(result) == 'table' and result.err or tostring(result)
if not string.match(text, '^%u+ ') then
text = "ERR the key '" .. keys[1] .. "', or another key of its subject, cannot be read: " .. text
end
return nil, { err = text }
end`

const piece74 = `local call = redis.call
local ENTRY, MOST = 40, 32
local MARGIN = 2
local FOREVER = 9e15
local function read_block(state)
local saved = call('GET', state)
local _, ends, _, length, listing = leading_block(saved)
if saved and ((#saved - length) % ENTRY ~= 0 or #saved - length > ENTRY * MOST) then
damaged(state)
end
local found = { saved = saved, ends = ends, listing = listing, expires = now }
found.entries = saved and string.sub(saved, length + 1) or ''
for at = 1, #found.entries, ENTRY do
local id, entry = struct.unpack('<dd', found.entries, at)
if not (id > 0 and entry >= 0 and entry < 2 ^ 62) then
damaged(state)
end
found.expires = math.max(found.expires, entry)
end
return found
end
local function type_of()
return 'string'
end`

const piece75 = `local found, refused = checked_read({ state }, type_of, read_block, state)
if not found then
return refused
end
local was = found.ends ~= nil and found.ends > now and math.max(1, found.listing) or 0
local expires, head = found.expires, ''
if duration ~= '0' then
local ends = duration == 'forever' and FOREVER or now + duration
expires = math.max(expires, ends)
head = struct.pack('<ddddd', 0, ends, #reason, now, tonumber(listing)) .. reason
end
if expires > now then
call('SET', state, head .. found.entries, 'PX', math.ceil((expires - now) / 1000) + MARGIN)
elseif found.saved then
call('DEL', state)
end
return was`

const piece76 = `local damaged = typed(state, 'string')
if damaged then
return damaged
end
local time, ends, reason, _, listing = leading_block(redis.call('GET', state))
if not time or ends - math.max(0, time - now) <= now then
return {}
end
return { ends - math.max(now, time), reason, listing }`

const piece77 = `local damaged = typed(blocks, 'zset')
if damaged then
return damaged
end
return redis.call('ZRANGE', blocks, after, '+', 'BYLEX', 'LIMIT', 0, limit)`

const piece78 = `local gcra = {}
function gcra.define(rule, drain, token, capacity)
rule.drain, rule.token, rule.capacity = drain, token, capacity
end
function gcra.load(rule, time, counted, level)
if time then
if counted ~= rule.token then
level = level / counted
level = level % 1 == 0 and level * rule.token or math.ceil(level * rule.token) + 1
level = math.min(level, 2 * rule.capacity)
end
level = math.max(0, level - (now - time) * rule.drain)
end
rule.level = level or 0
end
function gcra.over(rule, tokens)
return rule.level + tokens * rule.token > rule.capacity
end
function gcra.add(rule, tokens)
rule.level = math.min(rule.level + tokens * rule.token, 2 * rule.capacity)
end
function gcra.give_back(rule, tokens, since)
rule.level = math.max(0, rule.level - math.max(0, tokens * rule.token - (now - since) * rule.drain))
end
function gcra.entry(rule)
return now, rule.token, rule.level, rule.level / rule.drain
end
function gcra.report(rule, reply)
reply[#reply + 1] = rule.level
end`

const piece79 = `local fixed_window = {}
function fixed_window.define(rule, limit, window)
rule.limit, rule.window = limit, window
end
function fixed_window.load(rule, time, counted, used)
rule.start, rule.used = now, 0
if time and used > 0 and now < time + counted then
rule.used = used
if now < time + rule.window then
rule.start = time
end
end
end
function fixed_window.over(rule, tokens)
return rule.used + tokens > rule.limit
end
function fixed_window.add(rule, tokens)
rule.used = math.min(rule.used + tokens, 2 * rule.limit)
end
function fixed_window.give_back(rule, tokens, since)
if since >= rule.start then
rule.used = math.max(0, rule.used - tokens)
end
end
function fixed_window.entry(rule)
return rule.start, rule.window, rule.used, rule.start + rule.window - now
end
function fixed_window.report(rule, reply)
reply[#reply + 1] = rule.used
reply[#reply + 1] = rule.used > 0 and rule.start + rule.window - now or 0
end`

const piece80 = `local calendar = {}
function calendar.define(rule, limit, start, turn, finish)
rule.limit = limit
rule.start, rule.finish = start, turn
if now >= turn then
rule.start, rule.finish = turn, finish
end
return now < rule.start or now >= rule.finish
end
function calendar.load(rule, time, _, used)
rule.used = time and time >= rule.start and used or 0
end
function calendar.over(rule, tokens)
return rule.used + tokens > rule.limit
end
function calendar.add(rule, tokens)
rule.used = math.min(rule.used + tokens, 2 * rule.limit)
end
function calendar.give_back(rule, tokens, since)
if since >= rule.start then
rule.used = math.max(0, rule.used - tokens)
end
end
function calendar.entry(rule)
return rule.start, rule.finish, rule.used, rule.finish - now
end
function calendar.report(rule, reply)
reply[#reply + 1] = rule.used
reply[#reply + 1] = rule.finish - now
end`

const piece81 = `local sliding_window = {}
local SHIFT = 2 ^ 26
function sliding_window.define(rule, limit, window, tick)
rule.limit, rule.window, rule.tick, rule.ticks = limit, window, tick, window / tick
end
local function covered(before, window, tick, elapsed)
return before * (window / tick - math.floor(elapsed / tick))
end
function sliding_window.load(rule, time, counted, level)
local start, before, used = now, 0, 0
if time and level > 0 then
before, used = math.min(math.floor(level / SHIFT), 2 * rule.limit), math.min(level % SHIFT, 2 * rule.limit)
local passed = math.floor((now - time) / counted)
start = time + passed * counted
if passed == 1 then
before, used = used, 0
elseif passed > 1 then
before, used = 0, 0
end
if before + used == 0 then
start = now
end
if counted ~= rule.window then
local part = math.floor(before * (counted - (now - start)) / counted + 1e-6) + 1
start, before, used = now, 0, math.min(used + math.min(before, part), 2 * rule.limit)
end
end
rule.start, rule.before, rule.used = start, before, used
end
function sliding_window.over(rule, tokens)
local part = covered(rule.before, rule.window, rule.tick, now - rule.start)
return part + (rule.used + tokens) * rule.ticks > rule.limit * rule.ticks
end
function sliding_window.add(rule, tokens)
rule.used = math.min(rule.used + tokens, 2 * rule.limit)
end
function sliding_window.give_back(rule, tokens, since, latest)
if since >= rule.start then
local rest = math.max(0, tokens - rule.used)
rule.used = math.max(0, rule.used - tokens)
if not latest then
return
end
tokens = rest
elseif since < rule.start - rule.window then
return
end
rule.before = math.max(0, rule.before - tokens)
end
function sliding_window.entry(rule)
return rule.start, rule.window, rule.before * SHIFT + rule.used, rule.start + 2 * rule.window - now
end
function sliding_window.report(rule, reply)
reply[#reply + 1] = rule.before
reply[#reply + 1] = rule.used
reply[#reply + 1] = now - rule.start
end`

const piece82 = `local sliding_log = {}
local HEAD, CHARGE = 8, 16
local MOST_CHARGES = 2000
local HALVINGS = 11
function sliding_log.define(rule, limit, window)
rule.limit, rule.window, rule.ttl = limit, window, math.ceil(window / 1000) + 2
end
local function charge_at(rule, at)
return struct.unpack('<dd', rule.log, HEAD + CHARGE * (at - 1) + 1)
end
local function charged_to(rule, at)
if at == 0 then
return rule.base
end
local _, sum = charge_at(rule, at)
return sum
end
local function first_from(rule, at, which, least)
local low, high = at, rule.count + 1
for _ = 1, HALVINGS do
if low >= high then
break
end
local middle = math.floor((low + high) / 2)
local found = { charge_at(rule, middle) }
if found[which] >= least then
high = middle
else
low = middle + 1
end
end
return low
end
local function moved(rule, from, to, time_by, sum_by)
local charges = {}
for at = from, to do
local time, sum = charge_at(rule, at)
charges[#charges + 1] = struct.pack('<dd', time + time_by, sum + sum_by)
end
return table.concat(charges)
end
function sliding_log.open(rule, key)
rule.key, rule.changed = key, false
rule.log = redis.call('GET', key)
rule.base, rule.count, rule.first, rule.used = 0, 0, 1, 0
if not rule.log then
return
end
rule.count = (#rule.log - HEAD) / CHARGE
if rule.count % 1 ~= 0 or rule.count < 1 or rule.count > MOST_CHARGES then
damaged(key)
end
rule.base = struct.unpack('<d', rule.log)
local last = charge_at(rule, rule.count)
if last > now then
rule.log = struct.pack('<d', rule.base) .. moved(rule, 1, rule.count, now - last, 0)
rule.changed = true
end
rule.first = first_from(rule, 1, 1, now - rule.window + 1)
rule.used = charged_to(rule, rule.count) - charged_to(rule, rule.first - 1)
if not (rule.used >= 0 and rule.used < 2 ^ 53) then
damaged(key)
end
end
function sliding_log.over(rule, tokens)
return rule.used + tokens > rule.limit
end
local function keep(rule, last, others, count)
local head = struct.pack('<d', charged_to(rule, rule.first - 1))
local kept = string.sub(rule.log or '', HEAD + CHARGE * (rule.first - 1) + 1, HEAD + CHARGE * last)
rule.log = head .. kept .. others
rule.base, rule.count, rule.first = struct.unpack('<d', head), last - rule.first + 1 + count, 1
rule.changed = true
end
function sliding_log.add(rule, tokens)
tokens = math.min(tokens, 2 * rule.limit - rule.used)
if tokens > 0 then
keep(rule, rule.count, struct.pack('<dd', now, charged_to(rule, rule.count) + tokens), 1)
rule.used = rule.used + tokens
end
end
local function give_back_latest(rule, tokens)
local last, sum = rule.first - 1, charged_to(rule, rule.count)
local wanted = math.max(sum - tokens, charged_to(rule, rule.first - 1))
for at = rule.count, rule.first, -1 do
if not (charged_to(rule, at - 1) >= wanted) then
last = at
break
end
end
rule.used = rule.used - (sum - wanted)
if last < rule.first then
keep(rule, last, '', 0)
else
keep(rule, last - 1, struct.pack('<dd', (charge_at(rule, last)), wanted), 1)
end
end
function sliding_log.give_back(rule, tokens, since, latest)
if rule.used == 0 then
return
end
if latest then
give_back_latest(rule, tokens)
return
end
local from = first_from(rule, rule.first, 1, since)
local behind = first_from(rule, from, 1, since + 1)
if behind == from then
return
end
local before, last = charged_to(rule, from - 1), charged_to(rule, behind - 1)
local back = math.min(tokens, last - before)
local left = last - back > before and struct.pack('<dd', since, last - back) or ''
local count = #left / CHARGE + rule.count - behind + 1
keep(rule, from - 1, left .. moved(rule, behind, rule.count, 0, -back), count)
rule.used = rule.used - back
end
function sliding_log.save(rule)
if not rule.changed then
return
end
if rule.count == 0 then
redis.call('DEL', rule.key)
else
redis.call('SET', rule.key, rule.log, 'PX', rule.ttl)
end
end
function sliding_log.report(rule, reply, tokens)
local gone = charged_to(rule, rule.first - 1)
local function ends(fewer)
local at = first_from(rule, rule.first, 2, gone + fewer)
local time = at <= rule.count and charge_at(rule, at) or now
return fewer > 0 and time + rule.window - now or 0
end
reply[#reply + 1] = rule.used
reply[#reply + 1] = ends(rule.used + tokens - rule.limit)
reply[#reply + 1] = rule.used > 0 and ends(math.max(1, rule.used - rule.limit + 1)) or 0
reply[#reply + 1] = ends(rule.used)
end`

const piece83 = `local slots = {}
local CLOCK = ''
local MOST_LEASES = 12000
local LATEST = 2 ^ 62
local STEP = 1000
function slots.define(rule, limit, lease)
rule.limit, rule.lease = limit, lease
end
function slots.clock_step(key)
local charged = tonumber(redis.call('ZSCORE', key, CLOCK) or 0)
local by = math.max(0, -charged - now)
if by > 0 and not (by < LATEST and redis.call('ZCARD', key) <= MOST_LEASES) then
damaged(key)
end
return by
end
function slots.adjust(key, by)
if by <= 0 then
return
end
local leases = redis.call('ZRANGE', key, 0, MOST_LEASES, 'WITHSCORES')
for from = 1, #leases, STEP do
local moved = {}
for at = from, math.min(from + STEP - 1, #leases), 2 do
moved[#moved + 1] = string.format('%.0f', leases[at] == CLOCK and -now or leases[at + 1] - by)
moved[#moved + 1] = leases[at]
end
redis.call('ZADD', key, unpack(moved))
end
end
function slots.store(key, lease, ends, had)
redis.call('ZADD', key, string.format('%.0f', ends), lease, string.format('%.0f', -now), CLOCK)
local ttl = math.ceil((ends - now) / 1000) + 1000
if had then
redis.call('PEXPIRE', key, ttl, 'GT')
else
redis.call('PEXPIRE', key, ttl)
end
end
function slots.has(key, lease, by)
return tonumber(redis.call('ZSCORE', key, lease) or 0) - by > now
end
function slots.open(rule, key)
rule.key, rule.adding = key, nil
rule.by = slots.clock_step(key)
rule.used = redis.call('ZCOUNT', key, string.format('(%.0f', now + rule.by), '+inf')
rule.wait = 0
if rule.used > 0 and rule.used >= rule.limit then
local live, over = string.format('(%.0f', now + rule.by), rule.used - rule.limit
local last = redis.call('ZRANGE', key, live, '+inf', 'BYSCORE', 'LIMIT', over, 1, 'WITHSCORES')
rule.wait = last[2] and last[2] - rule.by - now or 0
end
end
function slots.over(rule, tokens)
return tokens > 0 and rule.used + 1 > rule.limit
end
function slots.add(rule, lease)
rule.adding = lease
rule.had = rule.used > 0
rule.used = rule.used + 1
end
function slots.save(rule)
slots.adjust(rule.key, rule.by)
if rule.adding then
redis.call('ZREMRANGEBYSCORE', rule.key, 0, string.format('%.0f', now))
slots.store(rule.key, rule.adding, now + rule.lease, rule.had)
end
end
function slots.report(rule, reply)
reply[#reply + 1] = rule.used
reply[#reply + 1] = rule.wait
end`

const piece84 = `local charging = { open = nil, prepare = nil, apply = nil }
local PACKED = { g = gcra, f = fixed_window, c = calendar, w = sliding_window }
local OWN_KEY = { l = sliding_log, s = slots }
local ENTRY, MOST, SECOND = 40, 32, 1000000
local HUGE = 2 ^ 62
local LEASED, LEASED_FOR = 2 ^ 48 + 7, 7200 * SECOND
local ZERO = string.byte('0')
local MARGIN = 2
function charging.open(rules)
local of = { list = {}, owners = {}, mistimed = false }
for letter, place, shadow, id, a, b, c, d in string.gmatch(rules, '(%l) (%d+) (%d) (%d+) (%d+) (%d+) (%d+) (%d+)') do
local rule = { letter = letter, place = tonumber(place), shadow = shadow == '1', id = tonumber(id) }
rule.does = PACKED[letter] or OWN_KEY[letter]
of.list[#of.list + 1] = rule
if OWN_KEY[letter] then
of.owners[rule.place] = rule
end
if rule.does.define(rule, tonumber(a), tonumber(b), tonumber(c), tonumber(d)) then
of.mistimed = true
end
end
return of
end
local function open(of, key, place)
local saved = redis.call('GET', key)
local time, ends, reason, at, listing = leading_block(saved)
if saved and ((#saved - at) % ENTRY ~= 0 or #saved - at > ENTRY * MOST) then
damaged(key)
end
local state = { key = key, saved = saved, head = '', others = '', expires = 0, count = 0, plain = saved ~= false }
state.steps = {}
if time then
if time > now then
time, ends = now, ends - (time - now)
state.steps[1] = { 8, struct.pack('<ddd', ends, #reason, time) }
end
if ends > now then
state.ends, state.reason = ends, reason
state.head = struct.pack('<ddddd', 0, ends, #reason, time, listing) .. reason
else
state.plain = false
end
end
state.start = at
local found = {}
local others = {}
for from = at + 1, saved and #saved or 0, ENTRY do
local id, expires, first, written, second = struct.unpack('<ddddd', saved, from)
if not (id > 0 and expires >= 0 and expires < HUGE and written >= 0 and first > 0 and second >= 0 and second < HUGE) then
damaged(key)
end
found[id] = { math.min(written, now), first, second, written > now and from }
state.expires = math.max(state.expires, expires)
others[#others + 1] = { id, expires, from }
end
state.rules = {}
for _, rule in ipairs(of.list) do
if rule.place == place then
local entry = found[rule.id] or {}
if entry[4] then
state.steps[#state.steps + 1] = { entry[4] + 23, struct.pack('<d', now) }
state.back = true
end
rule.does.load(rule, entry[1], entry[2], entry[3])
found[rule.id] = nil
state.rules[#state.rules + 1] = rule
local same = others[#state.rules]
state.plain = state.plain and same ~= nil and same[1] == rule.id
end
end
for _, other in ipairs(others) do
if other[1] == LEASED then
state.leased = other[2] > now and found[LEASED][1] or nil
state.leased_until = other[2]
elseif found[other[1]] and other[2] > now then
state.others = state.others .. string.sub(saved, other[3], other[3] + ENTRY - 1)
state.count = state.count + 1
end
end
if state.count + #state.rules > MOST then
error({ err = 'ERR a subject has the states of more than ' .. MOST .. ' rules' })
end
return state
end
local function write(state)
local longest, slack = 0, SECOND
local entries = {}
for at, rule in ipairs(state.rules) do
local time, first, second, until_full = rule.does.entry(rule)
longest = math.max(longest, until_full)
if rule.letter == 'g' then
slack = math.max(slack, until_full + math.max(until_full, SECOND))
end
entries[at] = { rule.id, time, first, second }
end
local fits = state.plain and not state.back and now + longest <= state.expires
local ttl = math.ceil(math.max(longest, slack) / 1000)
if not fits then
if state.others ~= '' then
ttl = math.max(ttl, math.ceil((state.expires - now) / 1000))
end
state.expires = now + ttl * 1000
ttl = math.max(ttl, math.ceil(((state.ends or 0) - now) / 1000))
end
local after = ''
for _, entry in ipairs(entries) do
after = after .. struct.pack('<ddddd', entry[1], state.expires, entry[3], entry[2], entry[4])
end
if fits then
redis.call('SETRANGE', state.key, state.start, after)
else
if state.leased then
after = after .. struct.pack('<ddddd', LEASED, state.leased_until, 1, state.leased, 0)
end
redis.call('SET', state.key, state.head .. after .. state.others, 'PX', ttl + MARGIN)
end
end
local function settled(how)
local charged, elapsed, rules, leased = string.match(how, '^(%d+) (%d+) ([01]+)(l?)$')
if not charged then
return nil
end
return { since = math.min(charged, now - elapsed), rules = rules, leased = leased == 'l' }
end
local function charge(rule, tokens, lease, charged)
if rule.letter == 's' then
if lease ~= '' then
rule.does.add(rule, lease)
end
elseif tokens > 0 then
rule.does.add(rule, tokens)
elseif charged then
rule.does.give_back(rule, -tokens, charged.since, false)
else
rule.does.give_back(rule, -tokens, now, true)
end
end
local function read(of, places, cost, how, lease)
local tokens, counting, charged = tonumber(cost), how == 'try', settled(how)
local leasing = how == 'lease'
local asked = counting or leasing or how == 'take' or how == 'look'
local plan = { states = {}, apart = {}, tokens = tokens }
local blocked = nil
for place, key in ipairs(places) do
local owner = of.owners[place]
if owner then
owner.does.open(owner, key)
plan.apart[#plan.apart + 1] = owner
else
local state = open(of, key, place)
plan.states[#plan.states + 1] = state
if leasing then
state.leased, state.leased_until, state.plain = state.leased or now, now + LEASED_FOR, false
elseif how == 'set' then
state.leased, state.plain = nil, false
elseif charged and charged.leased and not (state.leased and state.leased <= charged.since) then
charged.wiped = true
end
if asked and state.ends and not (blocked and blocked.ends > state.ends) then
blocked = state
end
end
end
local allowed = not blocked
for _, rule in ipairs(of.list) do
rule.refuses = rule.does.over(rule, tokens)
if asked and rule.refuses and not rule.shadow then
allowed = false
end
end
plan.charges = how ~= 'look' and (allowed or counting and not blocked)
if plan.charges and tokens ~= 0 then
for at, rule in ipairs(of.list) do
local spared = charged and (charged.wiped or string.byte(charged.rules, at) == ZERO)
if not (asked and allowed and rule.refuses or spared) then
charge(rule, tokens, allowed and lease or '', charged)
end
end
end
plan.allowed = allowed
if blocked then
plan.reply = { 2, blocked.ends - now, blocked.reason }
return plan
end
plan.reply = { allowed and 1 or 0, now }
for _, rule in ipairs(of.list) do
plan.reply[#plan.reply + 1] = rule.refuses and 1 or 0
rule.does.report(rule, plan.reply, tokens)
end
return plan
end
function charging.prepare(of, places, cost, how, lease)
local function type_of(place)
return of.owners[place] and of.owners[place].letter == 's' and 'zset' or 'string'
end
return checked_read(places, type_of, read, of, places, cost, how, lease)
end
function charging.apply(_, plan)
for _, state in ipairs(plan.states) do
for _, step in ipairs(state.steps) do
redis.call('SETRANGE', state.key, step[1], step[2])
end
if plan.charges and #state.rules > 0 and (plan.tokens > 0 or plan.tokens < 0 and state.saved) then
write(state)
end
end
for _, rule in ipairs(plan.apart) do
rule.does.save(rule)
end
end`

const piece85 = `if of.mistimed then
return { 3, now }
end
local banning, ban = ban_of(how)
if how == 'set' then
local all, wrong = charging.prepare(of, places, -LARGEST, 'set', '')
if not all then
return wrong
end
charging.apply(of, all)
how = 'add'
end
local plan, refused = charging.prepare(of, places, cost, ban and ban.how or how, lease)
if not plan then
return refused
end
local bans = ban and banning.prepare(ban, of, plan, cost)
charging.apply(of, plan)
if bans then
banning.apply(ban, bans)
return bans.reply
end
return plan.reply`

const piece86 = `local damaged = typed(counts, 'zset')
if damaged then
return damaged
end
local added = cjson.decode(given)
local missing = tonumber(lacks) - tonumber(redis.call('ZSCORE', counts, '') or 0)
redis.call('ZREM', counts, '')
for at = 1, #added, 2 do
redis.call('ZINCRBY', counts, added[at + 1], added[at])
end
local over = math.min(redis.call('ZCARD', counts) - most, MOST_REMOVED)
if over > 0 then
local removed = redis.call('ZPOPMIN', counts, over)
missing = missing + tonumber(removed[#removed])
end
redis.call('ZADD', counts, -missing, '')
redis.call('PEXPIRE', counts, lasts)
return redis.call('ZCARD', counts) - 1`

const piece87 = `local damaged = typed(declared, 'zset')
if damaged then
return damaged
end
local known, before = {}, nil
for _, member in ipairs(redis.call('ZRANGE', declared, string.format('%.0f', now), '+inf', 'BYSCORE', 'LIMIT', 0, MOST)) do
if string.sub(member, 1, 2) == '= ' then
before = string.sub(member, 3)
else
local rule, calendar = string.match(member, '^(%S+) (.+)$')
known[rule or ''] = calendar
end
end
for rule, calendar in string.gmatch(calendars, '(%S+) ([^\\n]+)') do
if known[rule] and known[rule] ~= calendar then
return { 0, rule, known[rule] }
end
end
redis.call('ZREMRANGEBYSCORE', declared, '-inf', string.format('(%.0f', now))
for line in string.gmatch(calendars, '[^\\n]+') do
redis.call('ZADD', declared, 'GT', score(calendars_last), line)
end
if text ~= '' then
if before and before ~= text then
redis.call('ZREM', declared, '= ' .. before)
end
redis.call('ZADD', declared, score(text_lasts), '= ' .. text)
end
local longest = redis.call('ZRANGE', declared, -1, -1, 'WITHSCORES')[2]
if longest then
redis.call('PEXPIRE', declared, math.ceil(math.min(longest - now, LONGEST) / 1000) + 1000)
end
if text ~= '' and before and before ~= text then
return { 1, before }
end
return { 1 }`

const piece88 = `local damaged = typed(counts, 'zset')
if damaged then
return damaged
end
local reply = redis.call('ZRANGE', counts, '+inf', '1', 'BYSCORE', 'REV', 'LIMIT', 0, most, 'WITHSCORES')
table.insert(reply, 1, redis.call('ZSCORE', counts, '') or '')
return reply`

const piece89 = `if of.mistimed then
return { 3, now }
end
local plan, refused = charging.prepare(of, places, cost, 'look', '')
return plan and plan.reply or refused`

const piece90 = `local found, refused = checked_read(places, type_of, read_slots, places, lease)
if not found then
return refused
end
for at, place in ipairs(places) do
slots.adjust(place, found.sooner[at])
if length == '0' then
redis.call('ZREM', place, lease)
elseif found.live == 1 then
slots.store(place, lease, now + length, true)
end
end
return found.live`

const piece91 = `local damaged = typed(blocks, 'zset')
if damaged then
return damaged
end
if add == '0' then
redis.call('ZREM', blocks, block)
return 1
end
if redis.call('ZCARD', blocks) >= MOST then
return 0
end
redis.call('ZADD', blocks, 0, block)
return 1`

const piece92 = `local damaged = typed(rules, 'zset')
if damaged then
return damaged
end
redis.call('ZREMRANGEBYSCORE', rules, '-inf', string.format('(%.0f', now))
local new = redis.call('ZADD', rules, 'GT', string.format('%.0f', now + lasts), rule)
local _, longest = unpack(redis.call('ZRANGE', rules, -1, -1, 'WITHSCORES'))
redis.call('PEXPIRE', rules, math.ceil(math.min(longest - now, LONGEST) / 1000) + 1000)
return new`

const piece93 = `local damaged = typed(rules, 'zset')
if damaged then
return damaged
end
return redis.call('ZRANGE', rules, string.format('%.0f', now), '+inf', 'BYSCORE', 'LIMIT', 0, MOST)`

const piece94 = `local found = { 0, 0, 0, '', '' }
if kind == 'state' then
local saved = redis.pcall('GET', place)
if type(saved) == 'string' then
local time, ends, reason, from, listing = leading_block(saved)
local left = time and ends - math.max(now, time) or 0
if left > 0 then
found[1], found[2], found[4] = left, listing, reason
end
found[5] = ids_of(saved, from)
end
elseif kind == 'slots' then
found[3] = leases_in(place)
end
if redis.call('UNLINK', place) == 0 then
return nil
end
return found`

const piece95 = `local call, unpacked, packed = redis.call, struct.unpack, struct.pack
local rule, drain, token, capacity = unpacked('<dddd', numbers)
local ENTRY = 40
local SECOND = 1000000
local MARGIN = 2`

const piece96 = `local saved = redis.pcall('GET', state)
local level, expires, changed = 0, 0, false
if saved then
if #saved < ENTRY then
return nil
end
local id, charged, counted
id, expires, counted, charged, level = unpacked('<ddddd', saved)
if id ~= rule then
if id == 0 and charged <= now and now < expires then
return string.format('%.0f ', expires - now) .. string.sub(saved, ENTRY + 1, ENTRY + counted)
end
return nil
end
if counted ~= token then
changed = true
level = level / counted
level = math.min(level % 1 == 0 and level * token or math.ceil(level * token) + 1, 2 * capacity)
end
if now >= charged then
level = level - (now - charged) * drain
if level < 0 then
level = 0
end
else
return nil
end
end
local after = level + cost * token
if after > capacity then
return -level - 1
end
if after == level then
return level
end
local longest = after / drain
if now + longest <= expires then
if changed then
call('SETRANGE', state, 16, packed('<d', token))
end
call('SETRANGE', state, '24', packed('<dd', now, after))
elseif saved and (#saved > ENTRY or after ~= after) then
return nil
else
local ttl = math.ceil((longest + math.max(longest, SECOND)) / 1000)
call('SET', state, packed('<ddddd', rule, now + ttl * 1000, token, now, after), 'PX', ttl + MARGIN)
end
return after`

const piece97 = `local saved = redis.pcall('GET', state)
local expires = 0
local allowed = true
for rule = 1, count do
local token, level = tokens[rule], 0
if saved then
if #saved < ENTRY * rule then
return nil
end
local id, charged, counted
id, expires, counted, charged, level = unpacked('<ddddd', saved, ENTRY * (rule - 1) + 1)
if id ~= ids[rule] then
if id == 0 and charged <= now and now < expires then
return string.format('%.0f ', expires - now) .. string.sub(saved, ENTRY + 1, ENTRY + counted)
end
return nil
end
if counted ~= token then
level = level / counted
level = min(level % 1 == 0 and level * token or ceil(level * token) + 1, 2 * capacities[rule])
end
if not (now >= charged) then
return nil
end
level = max(0, level - (now - charged) * drains[rule])
end
levels[rule] = level
if level + cost * token > capacities[rule] then
allowed = false
end
end
if allowed and cost ~= '0' then
local longest = 0
for rule = 1, count do
levels[rule] = levels[rule] + cost * tokens[rule]
longest = max(longest, levels[rule] / drains[rule])
end
local fits = now + longest <= expires
local ttl = ceil((longest + max(longest, SECOND)) / 1000)
if not fits then
if saved and #saved > ENTRY * count then
return nil
end
expires = now + ttl * 1000
end
local after = ''
for rule = 1, count do
after = after .. packed('<ddddd', ids[rule], expires, tokens[rule], now, levels[rule])
end
if fits then
call('SETRANGE', state, '0', after)
else
call('SET', state, after, 'PX', ttl + MARGIN)
end
end
local reply = {}
for rule = 1, count do
reply[rule] = allowed and levels[rule] or -levels[rule] - 1
end
return reply`

const piece98 = `local MAX_EPOCHS = 100000
local EPOCHS_TTL = 2592000000
local function reserve_epoch(next, history, epoch)
if redis.call('ZCARD', next) >= MAX_EPOCHS then
redis.call('ZREM', next, redis.call('ZRANGE', next, 0, 0)[1])
end
redis.call('ZADD', next, string.format('%.0f', epoch), history)
redis.call('PEXPIRE', next, EPOCHS_TTL)
end`

const piece99 = `local newest = redis.pcall('XREVRANGE', history, '+', '-', 'COUNT', 1)
if newest.err then
return newest
end
if not newest[1] then
return 0
end
local known = redis.pcall('ZSCORE', next, history)
if known and known.err then
return known
end
if not redis.acl_check_cmd('SPUBLISH', live, '') then
return { err = 'ERR the user may not publish on the channel ' .. live }
end
local epoch = tonumber(string.match(newest[1][1], '%d+'))
if epoch >= 9e15 then
epoch = 0
end
reserve_epoch(next, history, math.max(now, epoch + 1))
redis.call('UNLINK', history)
redis.call('SPUBLISH', live, 'cleared')
return 1`

const piece100 = `local wrong = typed(connections, 'zset')
if wrong then
return wrong
end
alive[process] = true
most = tonumber(most)
redis.call('ZREMRANGEBYSCORE', connections, '-inf', ms)
local members
if admitted == '' then
members = members_of(connections)
local at = now
for _, member in ipairs(members) do
at = math.max(at, admitted_at(member) + 1)
end
admitted = string.format('%017.0f', at)
end
local own = admitted .. ':' .. process .. ':' .. number
redis.call('ZADD', connections, ms + lease, own)
redis.call('PEXPIRE', connections, lease)
if members then
members[#members + 1] = own
elseif redis.call('ZCARD', connections) > most then
members = members_of(connections)
end
if members and #members > most and make_room(connections, members, most, own) then
return ''
end
return admitted`

const piece101 = `local suffix = ':' .. process .. ':' .. number
for _, member in ipairs(redis.call('ZRANGE', connections, 0, MAX_MEMBERS - 1)) do
if string.sub(member, 18) == suffix then
return redis.call('ZREM', connections, member)
end
end
return 0`

const piece102 = `local wrong = typed(due, 'zset')
if wrong then
return wrong
end
local now_ms = math.floor(now / 1000)
local found = redis.call('ZRANGE', due, '-inf', now_ms, 'BYSCORE', 'LIMIT', 0, MOST)
if #found < MOST then
local later = string.format('(%.0f', now_ms + LONGEST_MS)
for _, entries in ipairs(redis.call('ZRANGE', due, later, '+inf', 'BYSCORE', 'LIMIT', 0, MOST - #found)) do
found[#found + 1] = entries
end
end
for _, entries in ipairs(found) do
redis.call('ZADD', due, 'XX', now_ms + wait, entries)
end
return found`

const piece103 = `local function tag_of(entry)
local fields = entry[2]
local tag = fields[6]
if fields[1] == 't' and fields[3] == 'd' and fields[5] == 'g' and #tag == 6 and not string.find(tag, '[^0-9a-f]') then
return tag
end
end`

const piece104 = `local function tagged(entry)
local id = entry[1]
if string.sub(id, -2) == '-0' then
return id
end
return id .. '-' .. (tag_of(entry) or '000000')
end`

const piece105 = `local newest = redis.pcall('XREVRANGE', history, '+', '-', 'COUNT', 1)
if newest.err then
return newest
end
if newest[1] then
return tagged(newest[1])
end
local epoch = redis.pcall('ZSCORE', next, history)
if epoch and epoch.err then
return epoch
end
if not epoch then
epoch = now
reserve_epoch(next, history, epoch)
end
return string.format('%.0f-0', epoch)`

const piece106 = `local publication = { prepare = nil, apply = nil }
local ms = math.floor(now / 1000)
local allowed = {}
local function time_of(event)
return event[2][7] == 'a' and tonumber(event[2][8]) or nil
end
local function trim_old(history, age)
local first = redis.call('XRANGE', history, '-', '+', 'COUNT', 3)
local cut
for at = 1, #first - 1 do
local at_ms = time_of(first[at])
if at_ms and at_ms >= ms - age then
break
end
cut = first[at + 1][1]
end
if cut then
redis.call('XTRIM', history, 'MINID', '=', cut)
end
end
local function id_after(id)
local epoch, offset = string.match(id, '(%d+)-(%d+)')
if tonumber(epoch) >= 9e15 then
return nil
end
if #offset < 15 then
return epoch .. '-*'
end
return string.format('%.0f-1', math.max(now, epoch + 1))
end
local function last_generated(history)
local info = redis.call('XINFO', 'STREAM', history)
for at = 1, #info, 2 do
if info[at] == 'last-generated-id' then
return info[at + 1]
end
end
end
local function add(channel, ...)
local history, keep = channel.history, channel.keep
local id = redis.pcall('XADD', history, 'MAXLEN', '~', keep, channel.id, ...)
if not id.err or not string.find(id.err, 'equal or smaller', 1, true) then
return id
end
local next_id = id_after(last_generated(history))
return next_id and redis.pcall('XADD', history, 'MAXLEN', '~', keep, next_id, ...) or id
end
function publication.prepare(channel, once)
local first = once and redis.pcall('GET', once)
if first then
return first
end
local newest = redis.pcall('XREVRANGE', channel.history, '+', '-', 'COUNT', '1')
if newest.err then
return newest
end
local last = newest[1]
if last then
local id = id_after(last[1])
if not id then
return { err = 'ERR nothing can follow the id ' .. last[1] .. ' of ' .. channel.history .. ', which penknife did not write: delete that entry' }
end
local fields = last[2]
channel.id = id
channel.tag = fields[5] == 'g' and fields[6] or ''
channel.at = channel.age > 0 and time_of(last) or 0
channel.reserved = string.sub(last[1], -2) == '-0'
else
channel.tag, channel.at, channel.reserved = '', 0, true
end
if channel.reserved then
local epoch = redis.pcall('ZSCORE', channel.next, channel.history)
if epoch and epoch.err then
return epoch
end
channel.reserved = epoch
if not last then
channel.id = string.format('%.0f-1', epoch or now)
end
end
local live = channel.live
if allowed[live] == nil then
allowed[live] = redis.acl_check_cmd('SPUBLISH', live, '')
end
return allowed[live] or { err = 'ERR the user may not publish on the channel ' .. live }
end
function publication.apply(channel, once, kind, json, coalesce, lasts)
local history, age = channel.history, channel.age
local tag = string.sub(redis.sha1hex(channel.tag .. '\\n' .. kind .. '\\n' .. json), 1, 6)
local id
if age == 0 and coalesce == '' and lasts == '0' then
id = add(channel, 't', kind, 'd', json, 'g', tag)
else
local fields = { 't', kind, 'd', json, 'g', tag }
if age > 0 then
fields[#fields + 1] = 'a'
fields[#fields + 1] = string.format('%.0f', math.max(ms, channel.at))
end
if coalesce ~= '' then
fields[#fields + 1] = 'c'
fields[#fields + 1] = coalesce
end
if lasts ~= '0' then
fields[#fields + 1] = 'x'
fields[#fields + 1] = string.format('%.0f', ms + lasts)
end
id = add(channel, unpack(fields))
end
if id.err then
return id
end
channel.tag = tag
local event_id = id .. '-' .. tag
redis.call('SPUBLISH', channel.live, event_id .. '\\n' .. kind .. '\\n' .. json)
redis.call('PEXPIRE', history, channel.ttl)
if channel.reserved then
redis.call('ZREM', channel.next, history)
end
if once then
redis.call('SET', once, event_id, 'PX', channel.window)
end
if age > 0 then
trim_old(history, age)
end
return event_id
end`

const piece107 = `local presence = { room = nil, open = nil, add = nil, remove = nil, has = nil, expire = nil, extend = nil, mark = nil }
local presence_ms = math.floor(now / 1000)
local MOST_ENDED = 20
local MOST_GONE = 4
local LONGEST_MS = 600000
local KEPT_MS = 86400000
function presence.room(sets, keep, ttl, age)
return {
counts = false,
entries = false,
leases = false,
due = sets[2],
announced = false,
channel = {
history = false,
next = sets[1],
live = false,
keep = keep,
ttl = ttl,
age = age,
window = 0,
id = '',
tag = '',
at = 0,
reserved = false,
},
}
end
local function tell(room, kind, member)
if room.channel.live == '' then
return
end
if room.announced then
publication.prepare(room.channel)
end
room.announced = true
publication.apply(room.channel, nil, kind, cjson.encode({ member = member }), '', '0')
end
function presence.open(room)
local wrong = typed(room.counts, 'hash') or typed(room.entries, 'zset') or typed(room.leases, 'zset')
or room.channel.live ~= '' and typed(room.due, 'zset')
if wrong then
return wrong
end
room.announced = false
if room.channel.live ~= '' then
local prepared = publication.prepare(room.channel)
if prepared ~= true then
return prepared
end
end
local parts = redis.call('EXISTS', room.counts, room.entries, room.leases)
if parts > 0 and parts < 3 then
redis.call('UNLINK', room.counts, room.entries, room.leases)
end
end
function presence.add(room, process, member)
if redis.call('ZADD', room.entries, 'NX', 0, process .. '\\n' .. member) == 1 then
if redis.call('HINCRBY', room.counts, member, 1) == 1 then
tell(room, 'joined', member)
end
end
end
function presence.remove(room, process, member)
if redis.call('ZREM', room.entries, process .. '\\n' .. member) == 1 then
if redis.call('HINCRBY', room.counts, member, -1) <= 0 then
redis.call('HDEL', room.counts, member)
tell(room, 'left', member)
end
end
end
function presence.has(room, process, change)
local found = redis.call('ZSCORE', room.entries, process .. '\\n' .. string.sub(change, 2))
return (found and '1' or '0') == string.sub(change, 1, 1)
end
function presence.mark(room)
if room.channel.live == '' then
return
end
local first = redis.call('ZRANGE', room.leases, 0, 0, 'WITHSCORES')
if first[2] then
redis.call('ZADD', room.due, first[2], room.entries)
redis.call('PEXPIRE', room.due, KEPT_MS)
else
redis.call('ZREM', room.due, room.entries)
end
end
local function shorten(room, lease)
local later = string.format('(%.0f', presence_ms + LONGEST_MS)
for _, process in ipairs(redis.call('ZRANGE', room.leases, later, '+inf', 'BYSCORE', 'LIMIT', 0, MOST_ENDED)) do
redis.call('ZADD', room.leases, presence_ms + lease, process)
end
end
function presence.expire(room, lease)
shorten(room, lease)
local left = MOST_ENDED
local gone = redis.call('ZRANGE', room.leases, '-inf', presence_ms, 'BYSCORE', 'LIMIT', 0, MOST_GONE)
for _, process in ipairs(gone) do
local found = redis.call('ZRANGE', room.entries, '[' .. process .. '\\n', '(' .. process .. '\\11', 'BYLEX', 'LIMIT', 0, left)
for _, entry in ipairs(found) do
presence.remove(room, process, string.sub(entry, #process + 2))
end
if #found == left then
return true
end
left = left - #found
redis.call('ZREM', room.leases, process)
end
return #gone == MOST_GONE
end
function presence.extend(room, process, lasts, lease)
local ends = redis.call('ZSCORE', room.leases, process)
local alive = ends and tonumber(ends) > presence_ms or false
redis.call('ZADD', room.leases, presence_ms + lasts, process)
for _, key in ipairs({ room.counts, room.entries, room.leases }) do
redis.call('PEXPIRE', key, room.channel.live == '' and 2 * lease or KEPT_MS)
end
return alive
end`

const piece108 = `lease = tonumber(lease)
local room = presence.room(sets, keep, ttl, tonumber(age))`

const piece109 = `local counts, entries, leases, history, live, process, member = KEYS[#KEYS - items * 4 + 1], KEYS[#KEYS - items * 4 + 2], KEYS[#KEYS - items * 4 + 3], KEYS[#KEYS - items * 4 + 4], ARGV[5], ARGV[6], ARGV[7]`

const piece110 = `room.counts, room.entries, room.leases = counts, entries, leases
room.channel.history, room.channel.live = history, live
local wrong = presence.open(room)
if wrong then
return wrong
end
presence.add(room, process, member)
local alive = presence.extend(room, process, lease, lease)
presence.mark(room)
return alive and 1 or 0`

const piece111 = `local reply = item(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], KEYS[key + 4], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`

const piece112 = `room.counts, room.entries, room.leases = counts, entries, leases
room.channel.history, room.channel.live = history, live
local wrong = presence.open(room)
if wrong then
return wrong
end
presence.remove(room, process, member)
return 1`

const piece113 = `local text = '\\n' .. type .. '\\n' .. json
return redis.call('SPUBLISH', live, text) + redis.call('SPUBLISH', nudges, channel .. text)`

const piece114 = `room.counts, room.entries, room.leases = counts, entries, leases
room.channel.history, room.channel.live = history, live
local wrong = presence.open(room)
if wrong then
return wrong
end
local more = presence.expire(room, lease)
presence.mark(room)
local reply = { more and '+' or '', redis.call('HLEN', counts) }
most = tonumber(most)
if not more and most > 0 then
add_members(reply, counts, most)
end
return reply`

const piece115 = `local reply = item(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], KEYS[key + 4], ARGV[arg + 1], ARGV[arg + 2])`

const piece116 = `local channel = {
history = false,
next = next[1],
live = false,
keep = keep,
ttl = ttl,
age = tonumber(age),
window = window,
id = '',
tag = '',
at = 0,
reserved = false,
}`

const piece117 = `local history, once, live, kind, json, coalesce, lasts = KEYS[#KEYS - items * 2 + 1], KEYS[#KEYS - items * 2 + 2], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]`

const piece118 = `channel.history, channel.live = history, live
once = once ~= history and once or nil
local prepared = publication.prepare(channel, once)
if prepared ~= true then
return prepared
end
return publication.apply(channel, once, kind, json, coalesce, lasts)`

const piece119 = `room.counts, room.entries, room.leases = counts, entries, leases
room.channel.history, room.channel.live = history, live
local wrong = presence.open(room)
if wrong then
return wrong
end
local alive = presence.extend(room, process, tonumber(lasts), lease)
local more = presence.expire(room, lease)
presence.mark(room)
local lost = false
for change in string.gmatch(alive and changes or '', '[^\\n]+') do
lost = lost or not presence.has(room, process, change)
end
return (lost and '2' or alive and '1' or '0') .. (more and '+' or '')`

const piece120 = `local last = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
if not last then
if position == '-' then
return { 'ok', '' }
end
return is_next(next, history, position) and { 'ok', position } or { 'lost', '' }
end
local top = tagged(last)
local reply = { 'ok', top }
if position == top then
return reply
end
if position == '-' then
local first = oldest(history, last)
if first then
read(reply, history, first, tonumber(count))
end
return reply
end
local top_epoch, top_offset = string.match(last[1], '(%d+)-(%d+)')
local epoch, offset = string.match(position, '^(%d+)-(%d+)')
offset = tonumber(offset)
if epoch ~= top_epoch or offset >= tonumber(top_offset) then
return { 'lost', top }
end
if offset > 0 then
local id = epoch .. '-' .. string.format('%.0f', offset)
local known = redis.call('XRANGE', history, id, id)[1]
if not known or tagged(known) ~= position then
return { 'lost', top }
end
end
local first = epoch .. '-' .. string.format('%.0f', offset + 1)
local following = redis.call('XRANGE', history, first, first)[1]
if not following or too_old(following) then
return { 'lost', top }
end
read(reply, history, first, tonumber(count))
return reply`

const piece121 = `local last = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
return last and tagged(last) or ''`

const piece122 = `local function allowed(command, key)
if command == 'XGROUP' then
return redis.acl_check_cmd(command, 'CREATE', key, '1', '1')
elseif command == 'XINFO' then
return redis.acl_check_cmd(command, 'STREAM', key, '1', '1')
elseif command == 'EXISTS' or command == 'DEL' or command == 'UNLINK' then
return redis.acl_check_cmd(command, key)
end
return redis.acl_check_cmd(command, key, '1', '1', '1', '1')
end
local function denied(commands, key, asked)
for at = 1, #commands do
local command = commands[at]
if not asked[command] then
if not allowed(command, key) then
return { err = "NOPERM the user may not run '" .. string.lower(command) .. "'" }
end
asked[command] = true
end
end
end`

const piece123 = `local function load_acknowledge()
local function earlier(a, b)
local a_time, a_number = string.match(a, '(%d+)-(%d+)')
local b_time, b_number = string.match(b, '(%d+)-(%d+)')
if a_time == b_time then
a_time, b_time = a_number, b_number
end
if #a_time ~= #b_time then
return #a_time < #b_time
end
return a_time < b_time
end
local MOST = '18446744073709551615'
local DIGITS = 9
local function plus_one(digits)
local head = string.sub(digits, 1, -DIGITS - 1)
local tail = string.format('%.0f', string.sub(digits, -DIGITS) + 1)
if head == '' then
return tail
end
if #tail > DIGITS then
return string.format('%.0f', head + 1) .. string.rep('0', DIGITS)
end
return head .. string.rep('0', DIGITS - #tail) .. tail
end
local function following(id)
local time, number = string.match(id, '(%d+)-(%d+)')
if number ~= MOST then
return time .. '-' .. plus_one(number)
end
return time == MOST and id or plus_one(time) .. '-0'
end
local function pending(stream, group, ids, consumer)
local found = {}
local function query(from, to, count)
if consumer then
return redis.pcall('XPENDING', stream, group, from, to, count, consumer)
end
return redis.pcall('XPENDING', stream, group, from, to, count)
end
local range = query(ids[1], ids[#ids], 2 * #ids + 16)
if range.err then
if string.match(range.err, '^NOGROUP') then
return found
end
error(range)
end
for at = 1, #range do
found[range[at][1]] = range[at]
end
for _, id in ipairs(ids) do
found[id] = found[id] or query(id, id, 1)[1]
end
return found
end
local MOST_TRIMMED = 5000
local function acknowledge(stream, group, declared, ids)
redis.call('XACK', stream, group, unpack(ids))
if declared == '-' then
return
end
local missing = {}
for name in string.gmatch(declared, '%S+') do
missing[name] = true
end
local all, bound = groups(stream), nil
for _, each in ipairs(all) do
missing[each.name] = nil
local first
if each.pending > 0 then
first = redis.call('XPENDING', stream, each.name, '-', '+', 1)[1][1]
else
first = following(each['last-delivered-id'])
end
if not bound or earlier(first, bound) then
bound = first
end
end
if next(missing) then
return
end
local left = ids
if redis.call('XTRIM', stream, 'MINID', '~', bound, 'LIMIT', MOST_TRIMMED) < MOST_TRIMMED - 1000 then
redis.call('XTRIM', stream, 'MINID', '=', bound)
left = {}
for _, id in ipairs(ids) do
if not earlier(id, bound) then
left[#left + 1] = id
end
end
end
for _, other in ipairs(all) do
if other.name ~= group and left[1] then
local theirs = other.pending > 0 and pending(stream, other.name, left) or {}
local finished = {}
for _, id in ipairs(left) do
if not theirs[id] and not earlier(other['last-delivered-id'], id) then
finished[#finished + 1] = id
end
end
left = finished
end
end
if left[1] then
redis.call('XDEL', stream, unpack(left))
end
end
return acknowledge
end
local alone
local function finishing(stream, group, declared, id)
if declared ~= '-' and alone == nil then
alone = declared == group and #groups(stream) == 1
end
if declared == '-' then
redis.call('XACK', stream, group, id)
elseif alone then
redis.call('XACK', stream, group, id)
redis.call('XDEL', stream, id)
else
load_acknowledge()(stream, group, declared, { id })
end
end`

const piece124 = `local function load_outcomes()
local outcomes = { open = nil }
local MOST_FORGOTTEN, WEEK = 20, 604800000
function outcomes.open(results, due, channel)
return { results = results, due = due, channel = channel }
end
function outcomes.kept_ms(delivery)
return delivery.o and string.match(delivery.o, 'r(%d+)')
end
function outcomes.forget(of)
local ms = math.floor(now / 1000)
for _, id in ipairs(redis.call('ZRANGE', of.due, '-inf', ms, 'BYSCORE', 'LIMIT', 0, MOST_FORGOTTEN)) do
redis.call('HDEL', of.results, 'r' .. id, 'p' .. id, id)
redis.call('ZREM', of.due, id)
end
end
function outcomes.put(of, what, id, keep, text)
outcomes.forget(of)
local lasts = what == 'r' and keep or math.max(keep, WEEK)
redis.call('HSET', of.results, what .. id, text)
redis.call('ZADD', of.due, string.format('%.0f', math.floor(now / 1000) + lasts), id)
redis.pcall('SPUBLISH', of.channel .. id, what .. text)
end
function outcomes.keep(of, delivery, text)
local unique = delivery.o and string.match(delivery.o, 'u%d+')
if unique and redis.call('HGET', of.results, unique) == delivery.i then
redis.call('HDEL', of.results, unique)
redis.call('ZREM', of.due, unique)
end
local keep = outcomes.kept_ms(delivery)
if keep then
outcomes.put(of, 'r', delivery.i, keep, text)
end
end
function outcomes.read(of, id)
local ends = tonumber(redis.call('ZSCORE', of.due, id) or '0')
if ends <= math.floor(now / 1000) then
return false, false
end
return unpack(redis.call('HMGET', of.results, 'r' .. id, 'p' .. id))
end
return outcomes
end
local keeping = {}
function keeping.outcome(held, channels, delivery, text)
if delivery.o then
local outcomes = load_outcomes()
outcomes.keep(outcomes.open(held[3], held[4], channels), delivery, text)
end
end
function keeping.forget(held, channels)
if redis.call('EXISTS', held[4]) == 1 then
local outcomes = load_outcomes()
outcomes.forget(outcomes.open(held[3], held[4], channels))
end
end`

const piece125 = `if wrong then
return wrong
end
local texts = effects.texts(of, values)
local from, position, received, asked, place, location = texts[1], texts[2], texts[3], texts[4], '', nil
if held then
local given
position, given, place = string.match(position, '^(%S+)( ?)(.*)$')
location = from .. position
if given == '' then
place = place_of(from == 'r' and ready or stream, position)
end
end
local field = from .. position
local key = from == 'r' and ready or stream
local base = held and string.match(position, '^[^/]*') or position
if not is_leased(key, base) then
local first = redis.call('HGET', answers, field)
if first and durable == '1' then
redis.call('HSET', answers, field, first)
end
local length = #print
return first and string.sub(first, 1, length) == print and '=' .. string.sub(first, length + 1) or 'l'
end
if place ~= '' and out_of_order(place, location) then
return 'l'
end
local kept = kept_of(key, base, asked)
local refused = kept and (typed(results, 'hash') or typed(due, 'zset') or denied({ 'ZADD', 'ZRANGE', 'ZREM' }, stream, {}))
if refused then
return refused
end
local may, stop = effects.prepare(of, own, texts)
if not may then
return stop
end
local made = effects.apply(of, texts)
if type(made) == 'table' then
return made
end
if place ~= '' then
places.leave(held, place, location, 1)
end
if from ~= 'r' then
finishing(stream, group, declared, position)
elseif base == position or places.left(held, place, position) then
redis.call('XACK', ready, group, base)
redis.call('XDEL', ready, base)
end
if kept then
keeping.outcome({ '', '', results, due }, channels, kept, 'd')
end
redis.call('HSET', answers, field, print .. made)
if received ~= '' then
local gone = {}
for each in string.gmatch(received, '%S+') do
gone[#gone + 1] = each
end
redis.call('HDEL', answers, unpack(gone))
end
if not expires then
expires = true
redis.call('PEXPIRE', answers, DAY)
end
return effects.mark(of) .. made`

const piece126 = `if wrong then
return wrong
end
if window then
local first = dedup.prepare(own[1])
if first then
if type(first) == 'table' then
return first
end
if durable then
redis.call('SET', own[1], first, 'KEEPTTL')
end
local length = #print
return string.sub(first, 1, length) == print and '=' .. string.sub(first, length + 1) or '!'
end
end
local texts = effects.texts(of, values)
local may, stop = effects.prepare(of, own, texts)
if not may then
return stop
end
if explain then
return '+'
end
local results = effects.apply(of, texts)
if type(results) == 'table' then
return results
end
if window then
dedup.apply(own[1], print .. results, window)
end
return effects.mark(of) .. results`

const piece127 = `local reply = kind == 'z' and redis.pcall('ZSCAN', object, cursor, 'COUNT', COUNT)
or redis.pcall('HSCAN', object, cursor, 'COUNT', COUNT)
if reply.err then
return reply
end
local list = { reply[1] }
for at = 1, #reply[2], 2 do
list[#list + 1] = reply[2][at]
end
return list`

const piece128 = `local list = position_of(stream)
if kind == 'x' then
list[3] = newest(object)
return list
end
local names = {}
for name in string.gmatch(fields, '(%Z+)%z') do
names[#names + 1] = name
end
local values = kind == 'z' and redis.call('ZMSCORE', object, unpack(names)) or redis.call('HMGET', object, unpack(names))
for at = 1, #names do
list[at + 2] = values[at]
end
return list`

const piece129 = `local before = redis.pcall('GET', declaration)
if type(before) == 'table' then
return before
end
if lasts ~= '0' then
redis.call('SET', declaration, text, 'PX', lasts)
elseif before ~= text then
redis.call('SET', declaration, text)
end
return before ~= text and before or nil`

const piece130 = `local wrong = typed(names, 'zset') or typed(seen, 'zset') or typed(options, 'hash')
if wrong then
return wrong
end
local ms = math.floor(now / 1000)
local new = redis.call('ZADD', seen, string.format('%.0f', ms), member)
redis.call('ZADD', names, 0, member)
redis.call('HSET', options, member, given)
local gone = redis.call('ZRANGE', seen, '-inf', string.format('(%.0f', ms - lasts), 'BYSCORE', 'LIMIT', 0, AT_ONCE)
if #gone == 0 and new == 1 and redis.call('ZCARD', seen) > tonumber(most) then
gone = redis.call('ZRANGE', seen, 0, 0)
end
if #gone > 0 then
redis.call('ZREM', names, unpack(gone))
redis.call('ZREM', seen, unpack(gone))
redis.call('HDEL', options, unpack(gone))
end
for _, key in ipairs({ names, seen, options }) do
redis.call('PEXPIRE', key, lasts)
end
return new`

const piece131 = `local reply = item(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4])`

const piece132 = `local wrong = typed(names, 'zset') or typed(seen, 'zset') or typed(options, 'hash')
if wrong then
return wrong
end
local reply = {}
local first = math.floor(now / 1000) - lasts
for _, member in ipairs(redis.call('ZRANGE', names, after, to, 'BYLEX', 'LIMIT', 0, limit)) do
local ms = tonumber(redis.call('ZSCORE', seen, member) or nil)
reply[#reply + 1] = member
reply[#reply + 1] = ms and ms >= first and string.format('%.0f', ms) or ''
reply[#reply + 1] = redis.call('HGET', options, member) or ''
end
return reply`

const piece133 = `local function due_at(due)
local delay = string.match(due, '^%+(%d+)$')
return delay and math.ceil(now / 1000) + delay or tonumber(due) or 0
end`

const piece134 = `local function load_limits()
local function earlier(a, b)
local a_time, a_number = string.match(a, '(%d+)-(%d+)')
local b_time, b_number = string.match(b, '(%d+)-(%d+)')
if a_time == b_time then
a_time, b_time = a_number, b_number
end
if #a_time ~= #b_time then
return #a_time < #b_time
end
return a_time < b_time
end
local MOST = '18446744073709551615'
local DIGITS = 9
local function plus_one(digits)
local head = string.sub(digits, 1, -DIGITS - 1)
local tail = string.format('%.0f', string.sub(digits, -DIGITS) + 1)
if head == '' then
return tail
end
if #tail > DIGITS then
return string.format('%.0f', head + 1) .. string.rep('0', DIGITS)
end
return head .. string.rep('0', DIGITS - #tail) .. tail
end
local function following(id)
local time, number = string.match(id, '(%d+)-(%d+)')
if number ~= MOST then
return time .. '-' .. plus_one(number)
end
return time == MOST and id or plus_one(time) .. '-0'
end
local function groups(stream)
local found = {}
for at, fields in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
local group = {}
for field = 1, #fields, 2 do
group[fields[field]] = fields[field + 1]
end
found[at] = group
end
return found
end
local function ids(stream, first, last, most)
local found, bytes = {}, 0
for step = 1, most do
local count = math.min(step == 1 and 4 or 16, most - #found)
if count <= 0 or bytes >= 262144 then
return found, false
end
local page = redis.call('XRANGE', stream, first, last, 'COUNT', count)
for _, entry in ipairs(page) do
found[#found + 1] = entry[1]
for _, text in ipairs(entry[2]) do
bytes = bytes + #text
end
end
if #page < count then
return found, true
end
first = '(' .. page[count][1]
end
return found, false
end
local limits = { backlog = nil, trim = nil }
local EVERY, MOST = 64, 256
local function finished(stream)
local bound
for _, group in ipairs(groups(stream)) do
local first
if group.pending > 0 then
first = redis.call('XPENDING', stream, group.name, '-', '+', 1)[1][1]
else
first = following(group['last-delivered-id'])
end
if not bound or earlier(first, bound) then
bound = first
end
end
return bound
end
function limits.backlog(stream)
if not stream.backlog then
local most = 0
for _, group in ipairs(stream.length > 0 and groups(stream.key) or {}) do
most = math.max(most, group.lag and group.lag + group.pending or stream.length)
end
stream.backlog = most
end
return stream.backlog
end
local function note_missed(stream, list, at)
local final = list[at - 1]
for _, group in ipairs(groups(stream.key)) do
local missed = 0
for before = at - 1, 1, -1 do
if not earlier(group['last-delivered-id'], list[before]) then
break
end
missed = missed + 1
end
if group.pending > 0 then
missed = missed + #redis.call('XPENDING', stream.key, group.name, list[1], final, at - 1)
end
if missed > 0 then
stream.missed[group.name] = (stream.missed[group.name] or 0) + missed
end
end
end
function limits.trim(stream)
local key, age = stream.key, stream.age
local bound = not stream.lossy and finished(key) or nil
local over = stream.entries > 0 and stream.length - stream.entries or 0
if stream.bytes > 0 then
local bytes = redis.pcall('MEMORY', 'USAGE', key)
if type(bytes) == 'number' and bytes > stream.bytes then
over = math.max(over, 2 * EVERY)
end
end
local oldest = age > 0 and now / 1000 - age or 0
local most = math.min(oldest > 0 and MOST or over, MOST)
if most <= 0 or (bound and not earlier(redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1][1], bound)) then
return 0
end
local list = ids(key, '-', '+', most + 1)
for at, id in ipairs(list) do
local wanted = at <= over or tonumber(string.match(id, '%d+')) < oldest
if at == #list or not wanted or (bound and not earlier(id, bound)) then
if at <= 1 then
return 0
end
if stream.lossy and stream.missed then
note_missed(stream, list, at)
end
return redis.call('XTRIM', key, 'MINID', '=', id)
end
end
return 0
end
return limits
end
local function load_ordered()
local function earlier(a, b)
local a_time, a_number = string.match(a, '(%d+)-(%d+)')
local b_time, b_number = string.match(b, '(%d+)-(%d+)')
if a_time == b_time then
a_time, b_time = a_number, b_number
end
if #a_time ~= #b_time then
return #a_time < #b_time
end
return a_time < b_time
end
local MOST = '18446744073709551615'
local DIGITS = 9
local function plus_one(digits)
local head = string.sub(digits, 1, -DIGITS - 1)
local tail = string.format('%.0f', string.sub(digits, -DIGITS) + 1)
if head == '' then
return tail
end
if #tail > DIGITS then
return string.format('%.0f', head + 1) .. string.rep('0', DIGITS)
end
return head .. string.rep('0', DIGITS - #tail) .. tail
end
local function following(id)
local time, number = string.match(id, '(%d+)-(%d+)')
if number ~= MOST then
return time .. '-' .. plus_one(number)
end
return time == MOST and id or plus_one(time) .. '-0'
end
local function reserve(stream)
if not stream.last then
local info = redis.call('XINFO', 'STREAM', stream.key)
for at = 1, #info, 2 do
if info[at] == 'last-generated-id' then
stream.last = info[at + 1]
end
end
end
local present = string.format('%.0f-0', math.floor(now / 1000))
local id = earlier(stream.last, present) and present or following(stream.last)
local done = redis.pcall('XSETID', stream.key, id)
if done.err then
return done
end
stream.last = id
return id
end
local function sortable(id)
local ms, number = string.match(id, '^(%d+)-(%d+)$')
return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end
local members = { from = nil }
function members.prefix(key, id)
return key .. '\\0' .. sortable(id) .. '\\0'
end
function members.from(key, delivery)
local more = ''
if delivery.a > 0 or delivery.f > 0 or delivery.v or delivery.o then
more = string.format('%.0f %.0f %.0f ', delivery.a, delivery.f, delivery.v or 0) .. (delivery.o or '')
end
return members.prefix(key, delivery.i) .. (delivery.t or '') .. '\\0' .. more .. '\\0' .. delivery.d
end
function members.entry(member, length)
length = length or #string.match(member, '^[^%z]*')
local ms, number, trace, more, payload =
string.match(member, '^%z%u(%d+)%u(%d+)%z([^%z]*)%z([^%z]*)%z(.*)$', length + 1)
if not ms then
return nil
end
local delivery = { i = ms .. '-' .. number, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil }
if more ~= '' then
local a, f, v, o = string.match(more, '^(%d+) (%d+) (%d+) (.*)$')
if not a then
return nil
end
delivery.a, delivery.f = tonumber(a), tonumber(f)
delivery.v = v ~= '0' and tonumber(v) or nil
delivery.o = o ~= '' and o or nil
end
return delivery
end
function members.may_run(member, length)
return string.find(member, '^%z%u%d+%u%d+%z[^%z]*%z%z', length + 1) ~= nil
end
function members.position(position)
return string.match(position, '^([^/]*)/(%d+)$')
end
function members.of_run(fields, nth)
local member = fields[1] == 'k' and fields[2 * nth + 1] == 'm' and fields[2 * nth + 2]
local delivery = member and members.entry(member)
if delivery then
delivery.k = fields[2]
end
return delivery or nil
end
local function load_members()
return members
end
local entry = {}
local function fields_of(stream, id)
local found = redis.call('XRANGE', stream, id, id)[1]
if not found then
return nil
end
local fields, named = found[2], {}
for at = 1, #fields, 2 do
named[fields[at]] = named[fields[at]] or fields[at + 1]
end
return fields, named
end
local function is_count(text)
return text and #text <= 15 and string.match(text, '^%d+$')
end
local function added(fields, named)
local names = 'd' .. (named.t and 't' or '') .. (named.n and 'n' or '') .. (named.o and 'o' or '')
.. (named.k and 'k' or named.q and 'q' or '')
for at = 1, #fields, 2 do
if fields[at] ~= string.sub(names, (at + 1) / 2, (at + 1) / 2) then
return false
end
end
return #fields == 2 * #names and (not named.n or is_count(named.n))
end
function entry.read(stream, id)
local fields, named = fields_of(stream, id)
if not fields then
return nil
end
if added(fields, named) then
return { i = id, a = 0, f = 0, d = named.d, t = named.t, n = tonumber(named.n or nil), k = named.k, q = named.q, o = named.o }
end
return { i = id, a = 0, f = 0, d = named.d or fields[2] }
end
function entry.read_ready(stream, id)
local position, nth = string.match(id, '^([^/]*)/(%d+)$')
local fields, named = fields_of(stream, position or id)
if not fields then
return nil
end
if position then
return load_members().of_run(fields, nth) or { i = '0-0', a = 0, f = 0, d = fields[2 * nth + 2] or '', foreign = true }
end
if named.k and not named.a and not named.f then
named.a, named.f = '0', '0'
end
if string.match(named.i or '', '^%d+%-%d+$') and is_count(named.a) and is_count(named.f) and named.d then
local v = is_count(named.v) and tonumber(named.v) or nil
local k = not named.g and named.k or nil
return { i = named.i, a = tonumber(named.a), f = tonumber(named.f), d = named.d, t = named.t, v = v, k = k, q = named.q, o = named.o }
end
return { i = '0-0', a = 0, f = 0, d = named.d or fields[2], foreign = true }
end
function entry.put_ready(ready, delivery)
if delivery.foreign then
return redis.call('XADD', ready, '*', 'd', delivery.d)
end
local place = delivery.k
if place and delivery.f == 0 and delivery.a == 0 and not delivery.t and not delivery.v and not delivery.o then
return redis.call('XADD', ready, '*', 'i', delivery.i, 'd', delivery.d, 'k', place)
end
local add = { 'XADD', ready, '*', 'i', delivery.i, 'a', delivery.a, 'f', delivery.f, 'd', delivery.d }
for _, name in ipairs({ 't', 'v', 'k', 'o' }) do
if delivery[name] then
add[#add + 1] = name
add[#add + 1] = delivery[name]
end
end
return redis.call(unpack(add))
end
function entry.put_delayed(delayed, delivery, due)
local fields = { delivery.i, delivery.a, delivery.f, delivery.d, delivery.t }
if delivery.k or delivery.q or delivery.o or delivery.v then
fields[5], fields[6], fields[7], fields[8] = delivery.t or '', delivery.k or '', delivery.q or '', delivery.o
end
if delivery.v then
fields[8], fields[9] = delivery.o or '', delivery.v
end
local packed = cmsgpack.pack(fields)
redis.call('ZADD', delayed, string.format('%.0f', due), packed)
return packed
end
function entry.attempts(delivery, usual)
return tonumber(delivery.o and string.match(delivery.o, 'a(%d+)') or usual)
end
function entry.give_back(ready, delayed, delivery, ms)
delivery.f = delivery.f + 1
if delivery.n and delivery.n > ms then
entry.put_delayed(delayed, delivery, delivery.n)
else
entry.put_ready(ready, delivery)
end
end
function entry.put_dead(dead, delivery, group, kind, reason)
local i, a, f, d = delivery.i, delivery.a, delivery.f, delivery.d
local add = { 'XADD', dead, '*', 'i', i, 'a', a, 'f', f, 'g', group, 'k', kind, 'e', reason, 'd', d }
local q = delivery.q or delivery.k and string.match(delivery.k, '^[^\\1]*')
for name, value in pairs({ t = delivery.t, q = q, o = delivery.o }) do
add[#add + 1] = name
add[#add + 1] = value
end
return redis.call(unpack(add))
end
function entry.unpacked(packed)
local ok, found = pcall(cmsgpack.unpack, packed)
if not ok or type(found) ~= 'table' then
return nil
end
local i, a, f, d, t, k, q, o, v = unpack(found, 1, 9)
local known = type(i) == 'string' and string.match(i, '^%d+%-%d+$') and type(a) == 'number' and type(f) == 'number'
if not known or type(d) ~= 'string' or (t ~= nil and type(t) ~= 'string') then
return nil
end
local function given(text)
return type(text) == 'string' and text ~= '' and text or nil
end
return { i = i, a = a, f = f, d = d, t = given(t), k = given(k), q = given(q), o = given(o), v = type(v) == 'number' and v or nil }
end
function entry.put_due(dead, group, packed, put)
local delivery = entry.unpacked(packed)
if delivery then
put(delivery)
else
local found = { i = '0-0', a = 0, f = 0, d = packed }
entry.put_dead(dead, found, group, 'invalid', 'a delayed entry cannot be read: something other than penknife wrote it')
end
return delivery ~= nil
end
local function expanded(value)
if not value or not string.find(value, ':', 1, true) then
return value
end
return (string.gsub(value, '(r[^/ ]*/)(%d+):(%d+)', function(run, first, last)
local all = {}
for nth = tonumber(first), tonumber(last) do
all[#all + 1] = run .. nth
end
return table.concat(all, ' ')
end))
end
local function typed(key, type)
local is = redis.call('TYPE', key).ok
if is ~= type and is ~= 'none' then
return { err = 'WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. type }
end
end
local places = { open = nil }
local STEP, MOST_BYTES, SMALL, BEHIND = 4, 65536, 1024, '\\1'
function places.open(busy, queued, ready, most)
return { busy = busy, queued = queued, ready = ready, most = tonumber(most), small = false }
end
function places.wrong(of)
return typed(of.busy, 'hash') or typed(of.queued, 'zset')
end
function places.key_of(place)
return string.match(place, '^[^\\1]*')
end
local function named(key, number)
return number == 1 and key or key .. '\\1' .. number
end
function places.free(of, key)
for number = 1, of.most do
local place = named(key, number)
if redis.call('HEXISTS', of.busy, place) == 0 then
return place
end
end
end
function places.take(of, place, location)
redis.call('HSET', of.busy, place, location)
end
function places.get(of, place)
return expanded(redis.call('HGET', of.busy, place))
end
function places.first(of, place)
return string.match(places.get(of, place) or '', '^%S+')
end
function places.queue(of, key, delivery)
redis.call('ZADD', of.queued, 0, members.from(key, delivery))
end
function places.is_queued(of, key, id)
local prefix = members.prefix(key, id)
return redis.call('ZRANGE', of.queued, '[' .. prefix, '(' .. prefix .. '\\255', 'BYLEX', 'LIMIT', 0, 1)[1] ~= nil
end
function places.unqueue(of, key, delivery)
redis.call('ZREM', of.queued, members.from(key, delivery))
end
function places.queued_entry(member)
return members.entry(member)
end
function places.queued_match(id)
return '*' .. members.prefix('', id) .. '*'
end
local function first_queued(of, key, run)
local from, to = '[' .. key .. '\\0', '(' .. key .. '\\1'
local count = of.small and run or math.min(run, STEP)
local found = redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', '0', count)
of.small = found[1] and #found[1] < SMALL
if run > count and #found == count and of.small then
for _, member in ipairs(redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', count, run - count)) do
found[#found + 1] = member
end
end
return found
end
local function put_run(of, place, run)
local add = { 'XADD', of.ready, '*', 'k', place }
for at, member in ipairs(run) do
add[2 * at + 4], add[2 * at + 5] = 'm', member
end
return 'r' .. redis.call(unpack(add)) .. '/1:' .. #run
end
local function run_of(found, length)
local run, bytes = {}, 0
for at, member in ipairs(found) do
bytes = bytes + #member
if at > 1 and bytes > MOST_BYTES or not members.may_run(member, length) then
break
end
run[at] = member
end
return run, bytes
end
function places.pass_on(of, place, run, later)
local key, number = place, ''
if string.find(place, '\\1', 1, true) then
key, number = string.match(place, '^([^\\1]*)\\1(%d*)$')
end
local found = (tonumber(number) or 1) <= of.most and first_queued(of, key, run) or {}
later = later or { busy = {}, free = {}, behind = 0, alone = true }
local together, bytes = run_of(found, #key)
local locations
if together[2] then
locations = put_run(of, place, together)
later.behind = later.behind + #together - 1
redis.call('ZREM', of.queued, unpack(together))
elseif found[1] then
local delivery = members.entry(found[1], #key)
if delivery then
delivery.k = place
locations = 'r' .. entry.put_ready(of.ready, delivery)
else
entry.put_ready(of.ready, { foreign = true, d = found[1] })
end
redis.call('ZREM', of.queued, found[1])
end
if locations then
later.busy[#later.busy + 1] = place
later.busy[#later.busy + 1] = locations
else
later.free[#later.free + 1] = place
end
if later.alone then
places.done(of, later)
end
return bytes
end
local function count_behind(of, change)
if change ~= 0 and redis.call('HINCRBY', of.busy, BEHIND, change) <= 0 then
redis.call('HDEL', of.busy, BEHIND)
end
end
function places.done(of, later)
if later.busy[1] then
redis.call('HSET', of.busy, unpack(later.busy))
end
if later.free[1] then
redis.call('HDEL', of.busy, unpack(later.free))
end
count_behind(of, later.behind)
end
function places.run(location)
return string.match(location, '^(r[^/]*/)')
end
local function leave_run(of, location, rest)
local run = places.run(location)
if run and string.find(rest, run, 1, true) then
count_behind(of, -1)
end
end
function places.left(of, place, position)
local base = members.position(position)
if base and string.find(redis.call('HGET', of.busy, place) or '', 'r' .. base .. '/', 1, true) then
return nil
end
return base or position
end
function places.is_in(value, location)
return value and string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true) ~= nil
end
function places.positions(of, position)
local found = redis.call('XRANGE', of.ready, position, position)[1]
local fields = found and found[2] or {}
if fields[1] ~= 'k' or fields[3] ~= 'm' then
return { position }
end
local value, all, there = places.get(of, fields[2]), {}, {}
for nth = 1, #fields / 2 - 1 do
all[nth] = position .. '/' .. nth
if places.is_in(value, 'r' .. all[nth]) then
there[#there + 1] = all[nth]
end
end
return there[1] and there or all
end
function places.follows(value, location)
if not value or value == location then
return false
end
local at = string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true)
return at ~= nil and at > 1
end
function places.list(value)
local list = { from = 1 }
for each in string.gmatch(expanded(value) or '', '%S+') do
list[#list + 1] = each
end
return list
end
function places.shift(list, location)
if list[list.from] == location then
list.from = list.from + 1
return true
end
for at = list.from + 1, #list do
if list[at] == location then
return false
end
end
return not places.run(location)
end
function places.without(value, location)
local left = {}
for each in string.gmatch(value or '', '%S+') do
if each ~= location then
left[#left + 1] = each
end
end
return table.concat(left, ' ')
end
function places.leave(of, place, location, run)
local rest = places.without(places.get(of, place), location)
leave_run(of, location, rest)
if rest == '' then
places.pass_on(of, place, run)
else
redis.call('HSET', of.busy, place, rest)
end
end
function places.move(of, place, from, to)
local value = places.get(of, place)
if not value then
redis.call('HSET', of.busy, place, to)
return
end
local list = {}
for each in string.gmatch(value, '%S+') do
list[#list + 1] = each == from and to or each
end
local rest = table.concat(list, ' ')
leave_run(of, from, rest)
redis.call('HSET', of.busy, place, rest)
end
function places.later(due, id)
return 'd' .. string.format('%.0f', due) .. '/' .. id
end
function places.enter(of, key, delivery)
local place = places.free(of, key)
if not place then
places.queue(of, key, delivery)
return
end
delivery.k = place
places.take(of, place, 'r' .. entry.put_ready(of.ready, delivery))
end
function places.delayed_location(of, delivery)
local location
for each in string.gmatch(places.get(of, delivery.k) or '', '%S+') do
location = string.match(each, '^d%d+/(.*)$') == delivery.i and each or location
end
return location
end
function places.leave_delayed(of, delivery)
local location = places.delayed_location(of, delivery)
if location then
places.leave(of, delivery.k, location, 1)
end
end
function places.due(of, delivery)
local location = delivery.k and places.delayed_location(of, delivery)
if location then
places.move(of, delivery.k, location, 'r' .. entry.put_ready(of.ready, delivery))
elseif delivery.q or delivery.k then
places.enter(of, delivery.q or places.key_of(delivery.k), delivery)
else
entry.put_ready(of.ready, delivery)
end
end
local function has_earlier(of, key, id)
local found = redis.call('ZRANGE', of.queued, '[' .. key .. '\\0', '(' .. members.prefix(key, id), 'BYLEX', 'LIMIT', 0, 1)
return found[1] ~= nil
end
function places.give_back(of, delivery, location)
local place = delivery.k
local key, value = places.key_of(place), places.get(of, place)
if not places.is_in(value, location) then
places.enter(of, key, delivery)
elseif places.follows(value, location) or has_earlier(of, key, delivery.i) then
places.queue(of, key, delivery)
places.leave(of, place, location, 1)
else
places.move(of, place, location, 'r' .. entry.put_ready(of.ready, delivery))
end
end
function places.dissolve(of, run)
for _, position in ipairs(places.positions(of, run)) do
local delivery = entry.read_ready(of.ready, position)
if delivery and delivery.k then
places.give_back(of, delivery, 'r' .. position)
end
end
redis.call('XDEL', of.ready, run)
end
function places.bury(of, delivery, location, position, stops)
if stops then
places.move(of, delivery.k, location, 'x' .. position)
else
places.leave(of, delivery.k, location, 1)
end
end
local ordered = { wrong = nil, add = nil, is_queued = nil }
local function places_of(stream)
stream.held = stream.held or places.open(stream.busy, stream.queued, nil, stream.places)
return stream.held
end
function ordered.wrong(stream)
return places.wrong(places_of(stream))
end
function ordered.is_queued(stream, key, id)
return places.is_queued(places_of(stream), key, id)
end
function ordered.add(stream, key, payload, trace, own)
local of = places_of(stream)
local place = places.free(of, key)
if not place then
local id = reserve(stream)
if type(id) == 'table' then
return id
end
redis.call('HINCRBY', of.busy, '', 1)
places.queue(of, key, { i = id, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil, o = own ~= '' and own or nil })
return id
end
local id
if trace == '' and own == '' then
id = redis.pcall('XADD', stream.key, '*', 'd', payload, 'k', place)
else
local add = { 'XADD', stream.key, '*', 'd', payload }
for _, field in ipairs({ { 't', trace }, { 'o', own }, { 'k', place } }) do
if field[2] ~= '' then
add[#add + 1] = field[1]
add[#add + 1] = field[2]
end
end
id = redis.pcall(unpack(add))
end
if type(id) ~= 'table' then
places.take(of, place, 'm' .. id)
end
return id
end
return ordered
end
local function load_tagging()
local function allowed(command, key)
if command == 'XGROUP' then
return redis.acl_check_cmd(command, 'CREATE', key, '1', '1')
elseif command == 'XINFO' then
return redis.acl_check_cmd(command, 'STREAM', key, '1', '1')
elseif command == 'EXISTS' or command == 'DEL' or command == 'UNLINK' then
return redis.acl_check_cmd(command, key)
end
return redis.acl_check_cmd(command, key, '1', '1', '1', '1')
end
local function denied(commands, key, asked)
for at = 1, #commands do
local command = commands[at]
if not asked[command] then
if not allowed(command, key) then
return { err = "NOPERM the user may not run '" .. string.lower(command) .. "'" }
end
asked[command] = true
end
end
end
local function sortable(id)
local ms, number = string.match(id, '^(%d+)-(%d+)$')
return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end
local tagging = { open = nil, wrong = nil, put = nil, replace = nil }
local MOST, MOST_TAGS = 64, 8
function tagging.open(key, limits)
local entries, age = string.match(limits, '(%d+) (%d+)')
local step = math.min(MOST, math.ceil(entries / 16))
return { key = key, entries = tonumber(entries), age = tonumber(age), step = step, count = nil, fresh = true }
end
function tagging.wrong(of)
local count = redis.pcall('ZCOUNT', of.key, '0', '0')
if type(count) == 'table' then
return count
end
of.count = count
return denied({ 'ZADD', 'ZREM', 'ZRANGE', 'PEXPIRE' }, of.key, {})
end
local function members(command, place, tags, scored)
command[#command + 1] = scored and '0' or nil
command[#command + 1] = '\\1' .. place .. tags
local count = 0
for tag in string.gmatch(tags, '\\1([^\\1]+)') do
count = count + 1
if count > MOST_TAGS then
break
end
command[#command + 1] = scored and '1' or nil
command[#command + 1] = tag .. '\\1' .. place
end
return command
end
local function oldest(of, most)
return redis.call('ZRANGE', of.key, '0', '0', 'BYSCORE', 'LIMIT', 0, most)
end
local function is_old(of, record)
return tonumber(string.match(record, '^\\1%a(%d+)') or 0) < now / 1000 - of.age
end
local function remove(of, records, must_go)
local command = { 'ZREM', of.key }
for _, record in ipairs(records) do
if not must_go(record) then
break
end
local place, tags = string.match(record, '^\\1([^\\1]*)(.*)$')
if place then
members(command, place, tags)
else
command[#command + 1] = record
end
of.count = of.count - 1
end
if #command > 2 then
redis.call(unpack(command))
end
end
function tagging.put(of, id, tags)
redis.call(unpack(members({ 'ZADD', of.key }, sortable(id), tags, true)))
of.count = of.count + 1
local fresh = of.fresh
if fresh then
of.fresh = false
redis.call('PEXPIRE', of.key, of.age)
end
if of.count - of.entries >= of.step or fresh and is_old(of, oldest(of, 1)[1]) then
remove(of, oldest(of, MOST), function(record)
return of.count > of.entries or is_old(of, record)
end)
end
end
function tagging.replace(of, id, tags)
local begin = '\\1' .. sortable(id) .. '\\1'
local records = redis.call('ZRANGE', of.key, '[' .. begin, '(\\1' .. sortable(id) .. '\\2', 'BYLEX', 'LIMIT', 0, 1)
remove(of, records, function()
return true
end)
if tags ~= '' then
tagging.put(of, id, tags)
end
end
return tagging
end
local append = { open = nil, prepare = nil, apply = nil, wrong = nil, split = nil, retag = nil }
local EVERY, LARGE = 64, 2048
function append.open(keys, from, limits)
local queue, most, entries, bytes, age, lossy, declare, names, tagged =
string.match(limits, '(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) ?([^;]*);?(.*)')
local ordered = queue ~= '0' and queue ~= '1' and load_ordered() or nil
local tagging = tagged ~= '' and load_tagging() or nil
return {
key = keys[from],
queue = queue ~= '0',
ordered = ordered,
busy = keys[from + 1],
queued = keys[from + 2],
tagging = tagging,
tags = tagging and tagging.open(keys[from + (ordered and 3 or 1)], tagged),
places = queue - 1,
last = nil,
most = tonumber(most),
counts = queue ~= '1' or most ~= '0',
entries = tonumber(entries),
bytes = tonumber(bytes),
age = tonumber(age),
lossy = lossy == '1',
declares = declare == '1',
names = names,
length = nil,
backlog = nil,
prepared = 0,
fresh = true,
bounds = nil,
count = nil,
put = nil,
}
end
local function limits_of(stream)
stream.bounds = stream.bounds or load_limits()
return stream.bounds
end
local function backlog_of(stream)
return stream.queue and stream.length or limits_of(stream).backlog(stream)
end
local function declare(stream)
for name in string.gmatch(stream.names, '%S+') do
local made = redis.pcall('XGROUP', 'CREATE', stream.key, name, '0', 'MKSTREAM')
if made.err and not string.match(made.err, '^BUSYGROUP') then
return made
end
end
end
function append.wrong(stream)
return stream.ordered and stream.ordered.wrong(stream) or stream.tagging and stream.tagging.wrong(stream.tags) or nil
end
function append.split(stream, payload)
local from = stream.tagging and string.find(payload, '\\1', 1, true)
if not from then
return payload, ''
end
return string.sub(payload, 1, from - 1), string.sub(payload, from)
end
function append.retag(stream, id, tags)
if stream.tagging then
stream.tagging.replace(stream.tags, id, tags)
end
end
function append.prepare(stream)
if not stream.length then
local length = redis.pcall('XLEN', stream.key)
if type(length) == 'table' then
return length
end
if stream.ordered or stream.tagging then
local wrong = append.wrong(stream)
if wrong then
return wrong
end
length = stream.ordered and length + redis.call('ZCARD', stream.queued) or length
end
if stream.count then
local more = stream.count()
if type(more) == 'table' then
return more
end
length = length + more
end
stream.length = length
stream.declares = stream.names ~= ''
and (stream.declares or (length == 0 or stream.ordered or stream.put) and redis.call('EXISTS', stream.key) == 0)
end
if stream.counts then
local most = stream.most - stream.prepared
if stream.most > 0 and stream.length >= most and backlog_of(stream) >= most then
return false
end
stream.prepared = stream.prepared + 1
end
return true
end
local function added(stream, payload)
local length = stream.length + 1
stream.length = length
if stream.backlog then
stream.backlog = stream.backlog + 1
end
if not stream.queue then
local every = #payload <= LARGE and EVERY or math.max(1, math.floor(EVERY * LARGE / #payload))
if length % every == 0 or (stream.fresh and stream.age > 0) then
local ok, trimmed = pcall(limits_of(stream).trim, stream)
stream.length = ok and length - trimmed or length
end
end
stream.fresh = false
end
function append.apply(stream, payload, trace, due)
local counts, declares = stream.counts, stream.declares
if counts then
stream.prepared = stream.prepared - 1
end
if declares then
local refused = declare(stream)
if refused then
return refused
end
stream.declares = false
end
local id, key, tags
local own = ''
if stream.tagging then
payload, tags = append.split(stream, payload)
end
if stream.ordered then
due, key = string.match(due, '^(%S*) ?(.*)$')
end
if due ~= '' then
due, own = string.match(due, '^([^;]*);?(.*)$')
end
if key and key ~= '' and due == '' then
id = stream.ordered.add(stream, key, payload, trace, own)
elseif stream.put then
id = stream.put(stream, payload, trace, due, own)
elseif trace == '' and due == '' and own == '' then
id = redis.pcall('XADD', stream.key, '*', 'd', payload)
else
local add = { 'XADD', stream.key, '*', 'd', payload }
if trace ~= '' then
add[#add + 1] = 't'
add[#add + 1] = trace
end
if due ~= '' then
add[#add + 1] = 'n'
add[#add + 1] = string.format('%.0f', due_at(due))
end
if own ~= '' then
add[#add + 1] = 'o'
add[#add + 1] = own
end
if key and key ~= '' then
add[#add + 1] = 'q'
add[#add + 1] = key
end
id = redis.pcall(unpack(add))
end
if (stream.ordered or stream.put) and type(id) == 'string' then
stream.last = id
end
if type(id) == 'table' then
if declares then
error(id)
end
return id
end
if tags and tags ~= '' then
stream.tagging.put(stream.tags, id, tags)
end
if counts then
added(stream, payload)
end
return id
end`

const piece135 = `local may = append.prepare(stream)
if may ~= true then
return may
end
return append.apply(stream, payload, trace, due)`

const piece136 = `local before = redis.pcall('GET', written)
if type(before) == 'table' then
return before
end
local last, count = string.match(before or '', '^(%d+) (%d+)$')
if last and tonumber(number) <= tonumber(last) then
return { last == number and tonumber(count) or 0 }
end
local texts = {}
for text in string.gmatch(payloads, '[^\\n]+') do
local may = append.prepare(stream)
if may == false then
break
elseif may ~= true then
return may
end
texts[#texts + 1] = text
end
for at, text in ipairs(texts) do
local id = append.apply(stream, text, '', '')
if type(id) == 'table' then
if at > 1 then
error(id)
end
return id
end
end
redis.call('SET', written, number .. ' ' .. #texts, 'EX', DAY)
local reply = { #texts }
for group, entries in pairs(stream.missed) do
reply[#reply + 1] = group
reply[#reply + 1] = entries
end
return reply`

const piece137 = `local MOST = '18446744073709551615'
local DIGITS = 9
local function plus_one(digits)
local head = string.sub(digits, 1, -DIGITS - 1)
local tail = string.format('%.0f', string.sub(digits, -DIGITS) + 1)
if head == '' then
return tail
end
if #tail > DIGITS then
return string.format('%.0f', head + 1) .. string.rep('0', DIGITS)
end
return head .. string.rep('0', DIGITS - #tail) .. tail
end
local function following(id)
local time, number = string.match(id, '(%d+)-(%d+)')
if number ~= MOST then
return time .. '-' .. plus_one(number)
end
return time == MOST and id or plus_one(time) .. '-0'
end`

const piece138 = `local function reserve(stream)
if not stream.last then
local info = redis.call('XINFO', 'STREAM', stream.key)
for at = 1, #info, 2 do
if info[at] == 'last-generated-id' then
stream.last = info[at + 1]
end
end
end
local present = string.format('%.0f-0', math.floor(now / 1000))
local id = earlier(stream.last, present) and present or following(stream.last)
local done = redis.pcall('XSETID', stream.key, id)
if done.err then
return done
end
stream.last = id
return id
end`

const piece139 = `local function load_members()
local function sortable(id)
local ms, number = string.match(id, '^(%d+)-(%d+)$')
return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end
local members = { from = nil }
function members.prefix(key, id)
return key .. '\\0' .. sortable(id) .. '\\0'
end
function members.from(key, delivery)
local more = ''
if delivery.a > 0 or delivery.f > 0 or delivery.v or delivery.o then
more = string.format('%.0f %.0f %.0f ', delivery.a, delivery.f, delivery.v or 0) .. (delivery.o or '')
end
return members.prefix(key, delivery.i) .. (delivery.t or '') .. '\\0' .. more .. '\\0' .. delivery.d
end
function members.entry(member, length)
length = length or #string.match(member, '^[^%z]*')
local ms, number, trace, more, payload =
string.match(member, '^%z%u(%d+)%u(%d+)%z([^%z]*)%z([^%z]*)%z(.*)$', length + 1)
if not ms then
return nil
end
local delivery = { i = ms .. '-' .. number, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil }
if more ~= '' then
local a, f, v, o = string.match(more, '^(%d+) (%d+) (%d+) (.*)$')
if not a then
return nil
end
delivery.a, delivery.f = tonumber(a), tonumber(f)
delivery.v = v ~= '0' and tonumber(v) or nil
delivery.o = o ~= '' and o or nil
end
return delivery
end
function members.may_run(member, length)
return string.find(member, '^%z%u%d+%u%d+%z[^%z]*%z%z', length + 1) ~= nil
end
function members.position(position)
return string.match(position, '^([^/]*)/(%d+)$')
end
function members.of_run(fields, nth)
local member = fields[1] == 'k' and fields[2 * nth + 1] == 'm' and fields[2 * nth + 2]
local delivery = member and members.entry(member)
if delivery then
delivery.k = fields[2]
end
return delivery or nil
end
return members
end
local entry = {}
local function fields_of(stream, id)
local found = redis.call('XRANGE', stream, id, id)[1]
if not found then
return nil
end
local fields, named = found[2], {}
for at = 1, #fields, 2 do
named[fields[at]] = named[fields[at]] or fields[at + 1]
end
return fields, named
end
local function is_count(text)
return text and #text <= 15 and string.match(text, '^%d+$')
end
local function added(fields, named)
local names = 'd' .. (named.t and 't' or '') .. (named.n and 'n' or '') .. (named.o and 'o' or '')
.. (named.k and 'k' or named.q and 'q' or '')
for at = 1, #fields, 2 do
if fields[at] ~= string.sub(names, (at + 1) / 2, (at + 1) / 2) then
return false
end
end
return #fields == 2 * #names and (not named.n or is_count(named.n))
end
function entry.read(stream, id)
local fields, named = fields_of(stream, id)
if not fields then
return nil
end
if added(fields, named) then
return { i = id, a = 0, f = 0, d = named.d, t = named.t, n = tonumber(named.n or nil), k = named.k, q = named.q, o = named.o }
end
return { i = id, a = 0, f = 0, d = named.d or fields[2] }
end
function entry.read_ready(stream, id)
local position, nth = string.match(id, '^([^/]*)/(%d+)$')
local fields, named = fields_of(stream, position or id)
if not fields then
return nil
end
if position then
return load_members().of_run(fields, nth) or { i = '0-0', a = 0, f = 0, d = fields[2 * nth + 2] or '', foreign = true }
end
if named.k and not named.a and not named.f then
named.a, named.f = '0', '0'
end
if string.match(named.i or '', '^%d+%-%d+$') and is_count(named.a) and is_count(named.f) and named.d then
local v = is_count(named.v) and tonumber(named.v) or nil
local k = not named.g and named.k or nil
return { i = named.i, a = tonumber(named.a), f = tonumber(named.f), d = named.d, t = named.t, v = v, k = k, q = named.q, o = named.o }
end
return { i = '0-0', a = 0, f = 0, d = named.d or fields[2], foreign = true }
end
function entry.put_ready(ready, delivery)
if delivery.foreign then
return redis.call('XADD', ready, '*', 'd', delivery.d)
end
local place = delivery.k
if place and delivery.f == 0 and delivery.a == 0 and not delivery.t and not delivery.v and not delivery.o then
return redis.call('XADD', ready, '*', 'i', delivery.i, 'd', delivery.d, 'k', place)
end
local add = { 'XADD', ready, '*', 'i', delivery.i, 'a', delivery.a, 'f', delivery.f, 'd', delivery.d }
for _, name in ipairs({ 't', 'v', 'k', 'o' }) do
if delivery[name] then
add[#add + 1] = name
add[#add + 1] = delivery[name]
end
end
return redis.call(unpack(add))
end
function entry.put_delayed(delayed, delivery, due)
local fields = { delivery.i, delivery.a, delivery.f, delivery.d, delivery.t }
if delivery.k or delivery.q or delivery.o or delivery.v then
fields[5], fields[6], fields[7], fields[8] = delivery.t or '', delivery.k or '', delivery.q or '', delivery.o
end
if delivery.v then
fields[8], fields[9] = delivery.o or '', delivery.v
end
local packed = cmsgpack.pack(fields)
redis.call('ZADD', delayed, string.format('%.0f', due), packed)
return packed
end
function entry.attempts(delivery, usual)
return tonumber(delivery.o and string.match(delivery.o, 'a(%d+)') or usual)
end
function entry.give_back(ready, delayed, delivery, ms)
delivery.f = delivery.f + 1
if delivery.n and delivery.n > ms then
entry.put_delayed(delayed, delivery, delivery.n)
else
entry.put_ready(ready, delivery)
end
end
function entry.put_dead(dead, delivery, group, kind, reason)
local i, a, f, d = delivery.i, delivery.a, delivery.f, delivery.d
local add = { 'XADD', dead, '*', 'i', i, 'a', a, 'f', f, 'g', group, 'k', kind, 'e', reason, 'd', d }
local q = delivery.q or delivery.k and string.match(delivery.k, '^[^\\1]*')
for name, value in pairs({ t = delivery.t, q = q, o = delivery.o }) do
add[#add + 1] = name
add[#add + 1] = value
end
return redis.call(unpack(add))
end
function entry.unpacked(packed)
local ok, found = pcall(cmsgpack.unpack, packed)
if not ok or type(found) ~= 'table' then
return nil
end
local i, a, f, d, t, k, q, o, v = unpack(found, 1, 9)
local known = type(i) == 'string' and string.match(i, '^%d+%-%d+$') and type(a) == 'number' and type(f) == 'number'
if not known or type(d) ~= 'string' or (t ~= nil and type(t) ~= 'string') then
return nil
end
local function given(text)
return type(text) == 'string' and text ~= '' and text or nil
end
return { i = i, a = a, f = f, d = d, t = given(t), k = given(k), q = given(q), o = given(o), v = type(v) == 'number' and v or nil }
end
function entry.put_due(dead, group, packed, put)
local delivery = entry.unpacked(packed)
if delivery then
put(delivery)
else
local found = { i = '0-0', a = 0, f = 0, d = packed }
entry.put_dead(dead, found, group, 'invalid', 'a delayed entry cannot be read: something other than penknife wrote it')
end
return delivery ~= nil
end`

const piece140 = `local wrong = typed(latest, 'string') or typed(of[2], 'zset') or typed(of[1], 'stream') or append.wrong(stream)
if wrong then
return wrong
end
latest_key, known_id = latest, nil
local member = redis.call('GET', latest)
local waits = member and redis.call('ZSCORE', of[2], member) and entry.unpacked(member)
if waits then
known_id = waits.i
redis.call('ZREM', of[2], member)
local time, own = string.match(due, '^([^;]*);?(.*)$')
local text, tags = append.split(stream, payload)
local id = stream.put(stream, text, trace, time, own)
append.retag(stream, id, tags)
return '=' .. id
end
local may = append.prepare(stream)
if may ~= true then
return may
end
return append.apply(stream, payload, trace, due)`

const piece141 = `local id = redis.pcall('GET', added)
if type(id) == 'table' then
return id
end
if id then
redis.call('SET', added, id, 'KEEPTTL')
return '=' .. id
end
local may = append.prepare(stream)
if may ~= true then
return may
end
id = append.apply(stream, payload, trace, due)
if type(id) == 'string' then
local ttl = math.max(window, due_at(string.match(due, '^[^%s;]*')) - math.floor(now / 1000))
redis.call('SET', added, id, 'PX', string.format('%.0f', ttl))
end
return id`

const piece142 = `local function sortable(id)
local ms, number = string.match(id, '^(%d+)-(%d+)$')
return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end`

const piece143 = `local members = { from = nil }
function members.prefix(key, id)
return key .. '\\0' .. sortable(id) .. '\\0'
end
function members.from(key, delivery)
local more = ''
if delivery.a > 0 or delivery.f > 0 or delivery.v or delivery.o then
more = string.format('%.0f %.0f %.0f ', delivery.a, delivery.f, delivery.v or 0) .. (delivery.o or '')
end
return members.prefix(key, delivery.i) .. (delivery.t or '') .. '\\0' .. more .. '\\0' .. delivery.d
end
function members.entry(member, length)
length = length or #string.match(member, '^[^%z]*')
local ms, number, trace, more, payload =
string.match(member, '^%z%u(%d+)%u(%d+)%z([^%z]*)%z([^%z]*)%z(.*)$', length + 1)
if not ms then
return nil
end
local delivery = { i = ms .. '-' .. number, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil }
if more ~= '' then
local a, f, v, o = string.match(more, '^(%d+) (%d+) (%d+) (.*)$')
if not a then
return nil
end
delivery.a, delivery.f = tonumber(a), tonumber(f)
delivery.v = v ~= '0' and tonumber(v) or nil
delivery.o = o ~= '' and o or nil
end
return delivery
end
function members.may_run(member, length)
return string.find(member, '^%z%u%d+%u%d+%z[^%z]*%z%z', length + 1) ~= nil
end
function members.position(position)
return string.match(position, '^([^/]*)/(%d+)$')
end
function members.of_run(fields, nth)
local member = fields[1] == 'k' and fields[2 * nth + 1] == 'm' and fields[2 * nth + 2]
local delivery = member and members.entry(member)
if delivery then
delivery.k = fields[2]
end
return delivery or nil
end`

const piece144 = `local function load_members()
return members
end
local entry = {}
local function fields_of(stream, id)
local found = redis.call('XRANGE', stream, id, id)[1]
if not found then
return nil
end
local fields, named = found[2], {}
for at = 1, #fields, 2 do
named[fields[at]] = named[fields[at]] or fields[at + 1]
end
return fields, named
end
local function is_count(text)
return text and #text <= 15 and string.match(text, '^%d+$')
end
local function added(fields, named)
local names = 'd' .. (named.t and 't' or '') .. (named.n and 'n' or '') .. (named.o and 'o' or '')
.. (named.k and 'k' or named.q and 'q' or '')
for at = 1, #fields, 2 do
if fields[at] ~= string.sub(names, (at + 1) / 2, (at + 1) / 2) then
return false
end
end
return #fields == 2 * #names and (not named.n or is_count(named.n))
end
function entry.read(stream, id)
local fields, named = fields_of(stream, id)
if not fields then
return nil
end
if added(fields, named) then
return { i = id, a = 0, f = 0, d = named.d, t = named.t, n = tonumber(named.n or nil), k = named.k, q = named.q, o = named.o }
end
return { i = id, a = 0, f = 0, d = named.d or fields[2] }
end
function entry.read_ready(stream, id)
local position, nth = string.match(id, '^([^/]*)/(%d+)$')
local fields, named = fields_of(stream, position or id)
if not fields then
return nil
end
if position then
return load_members().of_run(fields, nth) or { i = '0-0', a = 0, f = 0, d = fields[2 * nth + 2] or '', foreign = true }
end
if named.k and not named.a and not named.f then
named.a, named.f = '0', '0'
end
if string.match(named.i or '', '^%d+%-%d+$') and is_count(named.a) and is_count(named.f) and named.d then
local v = is_count(named.v) and tonumber(named.v) or nil
local k = not named.g and named.k or nil
return { i = named.i, a = tonumber(named.a), f = tonumber(named.f), d = named.d, t = named.t, v = v, k = k, q = named.q, o = named.o }
end
return { i = '0-0', a = 0, f = 0, d = named.d or fields[2], foreign = true }
end
function entry.put_ready(ready, delivery)
if delivery.foreign then
return redis.call('XADD', ready, '*', 'd', delivery.d)
end
local place = delivery.k
if place and delivery.f == 0 and delivery.a == 0 and not delivery.t and not delivery.v and not delivery.o then
return redis.call('XADD', ready, '*', 'i', delivery.i, 'd', delivery.d, 'k', place)
end
local add = { 'XADD', ready, '*', 'i', delivery.i, 'a', delivery.a, 'f', delivery.f, 'd', delivery.d }
for _, name in ipairs({ 't', 'v', 'k', 'o' }) do
if delivery[name] then
add[#add + 1] = name
add[#add + 1] = delivery[name]
end
end
return redis.call(unpack(add))
end
function entry.put_delayed(delayed, delivery, due)
local fields = { delivery.i, delivery.a, delivery.f, delivery.d, delivery.t }
if delivery.k or delivery.q or delivery.o or delivery.v then
fields[5], fields[6], fields[7], fields[8] = delivery.t or '', delivery.k or '', delivery.q or '', delivery.o
end
if delivery.v then
fields[8], fields[9] = delivery.o or '', delivery.v
end
local packed = cmsgpack.pack(fields)
redis.call('ZADD', delayed, string.format('%.0f', due), packed)
return packed
end
function entry.attempts(delivery, usual)
return tonumber(delivery.o and string.match(delivery.o, 'a(%d+)') or usual)
end
function entry.give_back(ready, delayed, delivery, ms)
delivery.f = delivery.f + 1
if delivery.n and delivery.n > ms then
entry.put_delayed(delayed, delivery, delivery.n)
else
entry.put_ready(ready, delivery)
end
end
function entry.put_dead(dead, delivery, group, kind, reason)
local i, a, f, d = delivery.i, delivery.a, delivery.f, delivery.d
local add = { 'XADD', dead, '*', 'i', i, 'a', a, 'f', f, 'g', group, 'k', kind, 'e', reason, 'd', d }
local q = delivery.q or delivery.k and string.match(delivery.k, '^[^\\1]*')
for name, value in pairs({ t = delivery.t, q = q, o = delivery.o }) do
add[#add + 1] = name
add[#add + 1] = value
end
return redis.call(unpack(add))
end
function entry.unpacked(packed)
local ok, found = pcall(cmsgpack.unpack, packed)
if not ok or type(found) ~= 'table' then
return nil
end
local i, a, f, d, t, k, q, o, v = unpack(found, 1, 9)
local known = type(i) == 'string' and string.match(i, '^%d+%-%d+$') and type(a) == 'number' and type(f) == 'number'
if not known or type(d) ~= 'string' or (t ~= nil and type(t) ~= 'string') then
return nil
end
local function given(text)
return type(text) == 'string' and text ~= '' and text or nil
end
return { i = i, a = a, f = f, d = d, t = given(t), k = given(k), q = given(q), o = given(o), v = type(v) == 'number' and v or nil }
end
function entry.put_due(dead, group, packed, put)
local delivery = entry.unpacked(packed)
if delivery then
put(delivery)
else
local found = { i = '0-0', a = 0, f = 0, d = packed }
entry.put_dead(dead, found, group, 'invalid', 'a delayed entry cannot be read: something other than penknife wrote it')
end
return delivery ~= nil
end`

const piece145 = `local low = {}
function low.is(delivery)
return delivery.o ~= nil and string.find(delivery.o, 'l', 1, true) ~= nil
end
function low.put(key, delivery)
redis.call('ZADD', key, 0, members.from('', delivery))
end
function low.entry(member)
return members.entry(member, 0)
end
function low.find(key, id)
local prefix = members.prefix('', id)
local member = redis.call('ZRANGE', key, '[' .. prefix, '(' .. prefix .. '\\255', 'BYLEX', 'LIMIT', 0, 1)[1]
return member and low.entry(member), member
end`

const piece146 = `local unique = {}
function unique.wrong(results, ends)
return typed(results, 'hash') or typed(ends, 'zset')
end
function unique.known(results, ends, id)
local known = redis.call('HGET', results, id)
if known and tonumber(redis.call('ZSCORE', ends, id) or '0') > math.floor(now / 1000) then
redis.call('HSET', results, id, known)
return known
end
end
function unique.put(results, ends, id, added, starts, bound)
redis.call('HSET', results, id, added)
redis.call('ZADD', ends, string.format('%.0f', math.max(math.floor(now / 1000), starts) + bound), id)
end`

const piece147 = `local function waits(key, group)
local last = '0-0'
for _, found in ipairs(redis.call('EXISTS', key) == 1 and groups(key) or {}) do
last = found.name == group and found['last-delivered-id'] or last
end
return redis.call('XRANGE', key, '(' .. last, '+', 'COUNT', 1)[1] ~= nil
end`

const piece148 = `local once = window ~= '0'
local refused = wrong or unique_id ~= '' and unique.wrong(results, ends)
or once and unique_id == '' and typed(added, 'string')
if refused then
return refused
end
local known = once and known_id(added, unique_id)
if known then
return '=' .. known
end
local may = append.prepare(stream)
if may ~= true then
return may
end
is_low = priority == 'l'
local id = append.apply(stream, payload, trace, due)
if once and type(id) == 'string' then
local time = due_at(string.match(due, '^[^;]*'))
if unique_id ~= '' then
unique.put(results, ends, unique_id, id, time, window)
else
redis.call('SET', added, id, 'PX', string.format('%.0f', math.max(window, time - math.floor(now / 1000))))
end
end
return id`

const piece149 = `local wrong = unique.wrong(results, ends)
if wrong then
return wrong
end
local known = unique.known(results, ends, id)
if known then
return '=' .. known
end
local may = append.prepare(stream)
if may ~= true then
return may
end
local added = append.apply(stream, payload, trace, due)
if type(added) == 'string' then
unique.put(results, ends, id, added, due_at(string.match(due, '^[^%s;]*')), bound)
end
return added`

const piece150 = `local function expanded(value)
if not value or not string.find(value, ':', 1, true) then
return value
end
return (string.gsub(value, '(r[^/ ]*/)(%d+):(%d+)', function(run, first, last)
local all = {}
for nth = tonumber(first), tonumber(last) do
all[#all + 1] = run .. nth
end
return table.concat(all, ' ')
end))
end`

const piece151 = `local places = { open = nil }
local STEP, MOST_BYTES, SMALL, BEHIND = 4, 65536, 1024, '\\1'
function places.open(busy, queued, ready, most)
return { busy = busy, queued = queued, ready = ready, most = tonumber(most), small = false }
end
function places.wrong(of)
return typed(of.busy, 'hash') or typed(of.queued, 'zset')
end
function places.key_of(place)
return string.match(place, '^[^\\1]*')
end
local function named(key, number)
return number == 1 and key or key .. '\\1' .. number
end
function places.free(of, key)
for number = 1, of.most do
local place = named(key, number)
if redis.call('HEXISTS', of.busy, place) == 0 then
return place
end
end
end
function places.take(of, place, location)
redis.call('HSET', of.busy, place, location)
end
function places.get(of, place)
return expanded(redis.call('HGET', of.busy, place))
end
function places.first(of, place)
return string.match(places.get(of, place) or '', '^%S+')
end
function places.queue(of, key, delivery)
redis.call('ZADD', of.queued, 0, members.from(key, delivery))
end
function places.is_queued(of, key, id)
local prefix = members.prefix(key, id)
return redis.call('ZRANGE', of.queued, '[' .. prefix, '(' .. prefix .. '\\255', 'BYLEX', 'LIMIT', 0, 1)[1] ~= nil
end
function places.unqueue(of, key, delivery)
redis.call('ZREM', of.queued, members.from(key, delivery))
end
function places.queued_entry(member)
return members.entry(member)
end
function places.queued_match(id)
return '*' .. members.prefix('', id) .. '*'
end
local function first_queued(of, key, run)
local from, to = '[' .. key .. '\\0', '(' .. key .. '\\1'
local count = of.small and run or math.min(run, STEP)
local found = redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', '0', count)
of.small = found[1] and #found[1] < SMALL
if run > count and #found == count and of.small then
for _, member in ipairs(redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', count, run - count)) do
found[#found + 1] = member
end
end
return found
end
local function put_run(of, place, run)
local add = { 'XADD', of.ready, '*', 'k', place }
for at, member in ipairs(run) do
add[2 * at + 4], add[2 * at + 5] = 'm', member
end
return 'r' .. redis.call(unpack(add)) .. '/1:' .. #run
end
local function run_of(found, length)
local run, bytes = {}, 0
for at, member in ipairs(found) do
bytes = bytes + #member
if at > 1 and bytes > MOST_BYTES or not members.may_run(member, length) then
break
end
run[at] = member
end
return run, bytes
end
function places.pass_on(of, place, run, later)
local key, number = place, ''
if string.find(place, '\\1', 1, true) then
key, number = string.match(place, '^([^\\1]*)\\1(%d*)$')
end
local found = (tonumber(number) or 1) <= of.most and first_queued(of, key, run) or {}
later = later or { busy = {}, free = {}, behind = 0, alone = true }
local together, bytes = run_of(found, #key)
local locations
if together[2] then
locations = put_run(of, place, together)
later.behind = later.behind + #together - 1
redis.call('ZREM', of.queued, unpack(together))
elseif found[1] then
local delivery = members.entry(found[1], #key)
if delivery then
delivery.k = place
locations = 'r' .. entry.put_ready(of.ready, delivery)
else
entry.put_ready(of.ready, { foreign = true, d = found[1] })
end
redis.call('ZREM', of.queued, found[1])
end
if locations then
later.busy[#later.busy + 1] = place
later.busy[#later.busy + 1] = locations
else
later.free[#later.free + 1] = place
end
if later.alone then
places.done(of, later)
end
return bytes
end
local function count_behind(of, change)
if change ~= 0 and redis.call('HINCRBY', of.busy, BEHIND, change) <= 0 then
redis.call('HDEL', of.busy, BEHIND)
end
end
function places.done(of, later)
if later.busy[1] then
redis.call('HSET', of.busy, unpack(later.busy))
end
if later.free[1] then
redis.call('HDEL', of.busy, unpack(later.free))
end
count_behind(of, later.behind)
end
function places.run(location)
return string.match(location, '^(r[^/]*/)')
end
local function leave_run(of, location, rest)
local run = places.run(location)
if run and string.find(rest, run, 1, true) then
count_behind(of, -1)
end
end
function places.left(of, place, position)
local base = members.position(position)
if base and string.find(redis.call('HGET', of.busy, place) or '', 'r' .. base .. '/', 1, true) then
return nil
end
return base or position
end
function places.is_in(value, location)
return value and string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true) ~= nil
end
function places.positions(of, position)
local found = redis.call('XRANGE', of.ready, position, position)[1]
local fields = found and found[2] or {}
if fields[1] ~= 'k' or fields[3] ~= 'm' then
return { position }
end
local value, all, there = places.get(of, fields[2]), {}, {}
for nth = 1, #fields / 2 - 1 do
all[nth] = position .. '/' .. nth
if places.is_in(value, 'r' .. all[nth]) then
there[#there + 1] = all[nth]
end
end
return there[1] and there or all
end
function places.follows(value, location)
if not value or value == location then
return false
end
local at = string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true)
return at ~= nil and at > 1
end
function places.list(value)
local list = { from = 1 }
for each in string.gmatch(expanded(value) or '', '%S+') do
list[#list + 1] = each
end
return list
end
function places.shift(list, location)
if list[list.from] == location then
list.from = list.from + 1
return true
end
for at = list.from + 1, #list do
if list[at] == location then
return false
end
end
return not places.run(location)
end
function places.without(value, location)
local left = {}
for each in string.gmatch(value or '', '%S+') do
if each ~= location then
left[#left + 1] = each
end
end
return table.concat(left, ' ')
end
function places.leave(of, place, location, run)
local rest = places.without(places.get(of, place), location)
leave_run(of, location, rest)
if rest == '' then
places.pass_on(of, place, run)
else
redis.call('HSET', of.busy, place, rest)
end
end
function places.move(of, place, from, to)
local value = places.get(of, place)
if not value then
redis.call('HSET', of.busy, place, to)
return
end
local list = {}
for each in string.gmatch(value, '%S+') do
list[#list + 1] = each == from and to or each
end
local rest = table.concat(list, ' ')
leave_run(of, from, rest)
redis.call('HSET', of.busy, place, rest)
end
function places.later(due, id)
return 'd' .. string.format('%.0f', due) .. '/' .. id
end
function places.enter(of, key, delivery)
local place = places.free(of, key)
if not place then
places.queue(of, key, delivery)
return
end
delivery.k = place
places.take(of, place, 'r' .. entry.put_ready(of.ready, delivery))
end
function places.delayed_location(of, delivery)
local location
for each in string.gmatch(places.get(of, delivery.k) or '', '%S+') do
location = string.match(each, '^d%d+/(.*)$') == delivery.i and each or location
end
return location
end
function places.leave_delayed(of, delivery)
local location = places.delayed_location(of, delivery)
if location then
places.leave(of, delivery.k, location, 1)
end
end
function places.due(of, delivery)
local location = delivery.k and places.delayed_location(of, delivery)
if location then
places.move(of, delivery.k, location, 'r' .. entry.put_ready(of.ready, delivery))
elseif delivery.q or delivery.k then
places.enter(of, delivery.q or places.key_of(delivery.k), delivery)
else
entry.put_ready(of.ready, delivery)
end
end
local function has_earlier(of, key, id)
local found = redis.call('ZRANGE', of.queued, '[' .. key .. '\\0', '(' .. members.prefix(key, id), 'BYLEX', 'LIMIT', 0, 1)
return found[1] ~= nil
end
function places.give_back(of, delivery, location)
local place = delivery.k
local key, value = places.key_of(place), places.get(of, place)
if not places.is_in(value, location) then
places.enter(of, key, delivery)
elseif places.follows(value, location) or has_earlier(of, key, delivery.i) then
places.queue(of, key, delivery)
places.leave(of, place, location, 1)
else
places.move(of, place, location, 'r' .. entry.put_ready(of.ready, delivery))
end
end
function places.dissolve(of, run)
for _, position in ipairs(places.positions(of, run)) do
local delivery = entry.read_ready(of.ready, position)
if delivery and delivery.k then
places.give_back(of, delivery, 'r' .. position)
end
end
redis.call('XDEL', of.ready, run)
end
function places.bury(of, delivery, location, position, stops)
if stops then
places.move(of, delivery.k, location, 'x' .. position)
else
places.leave(of, delivery.k, location, 1)
end
end`

const piece152 = `local of = places.open(held[1], held[2], ready, most)
local wrong = places.wrong(of) or typed(stream, 'stream') or typed(ready, 'stream') or typed(delayed, 'zset') or typed(dead, 'stream')
if wrong then
return wrong
end
local bytes, repaired = 0, 0
local function in_stream(key, id)
local found = redis.call('XRANGE', key, id, id)[1]
if not found then
return key ~= dead and redis.pcall('XPENDING', key, group, id, id, 1)[1] ~= nil
end
for _, text in ipairs(found[2]) do
bytes = bytes + #text
end
return true
end
local function in_delayed(due, id)
local found = redis.call('ZRANGE', delayed, due, due, 'BYSCORE', 'LIMIT', 0, COUNT)
for _, packed in ipairs(found) do
bytes = bytes + #packed
local ok, fields = pcall(cmsgpack.unpack, packed)
if ok and type(fields) == 'table' and fields[1] == id then
return true
end
end
return #found == COUNT
end
local function exists(location)
local where, rest = string.match(location, '^([mrdx])(.*)$')
local due, id = string.match(rest or '', '^(%d+)/(%d+%-%d+)$')
if where == 'd' then
return due ~= nil and in_delayed(due, id)
end
local position = where == 'r' and string.match(rest, '^(%d+%-%d+)/%d+$') or rest
if not where or not string.match(position, '^%d+%-%d+$') then
return false
end
return in_stream(where == 'm' and stream or where == 'r' and ready or dead, position)
end
local page = redis.call('HSCAN', of.busy, cursor, 'COUNT', COUNT)
local pairs_found = #page[2] / 2
for nth = 1, pairs_found do
local at = (nth + now) % pairs_found * 2 + 1
local place, value = page[2][at], expanded(page[2][at + 1])
local location = string.match(value, '^%S+') or value
if place ~= '' and place ~= '\\1' and bytes < MOST_BYTES and not exists(location) then
local run = places.run(location)
for each in string.gmatch(value, '%S+') do
if each == location or run and places.run(each) == run then
places.leave(of, place, each, 1)
end
end
repaired = repaired + 1
end
end
if redis.call('XLEN', ready) == 0 then
redis.call('HDEL', of.busy, '\\1')
end
for _ = 1, bytes < MOST_BYTES and KEYS_OF_QUEUE or 0 do
local from = after == '' and '-' or '(' .. after .. '\\1'
local found = redis.call('ZRANGE', of.queued, from, '+', 'BYLEX', 'LIMIT', 0, 1)[1]
if not found then
after = ''
break
end
bytes = bytes + #found
after = string.match(found, '^[^%z]*')
local place = places.free(of, after)
if place then
places.pass_on(of, place, 1)
repaired = repaired + 1
end
if bytes >= MOST_BYTES then
break
end
end
return { page[1], after, repaired }`

const piece153 = `local function pending(stream, group, ids, consumer)
local found = {}
local function query(from, to, count)
if consumer then
return redis.pcall('XPENDING', stream, group, from, to, count, consumer)
end
return redis.pcall('XPENDING', stream, group, from, to, count)
end
local range = query(ids[1], ids[#ids], 2 * #ids + 16)
if range.err then
if string.match(range.err, '^NOGROUP') then
return found
end
error(range)
end
for at = 1, #range do
found[range[at][1]] = range[at]
end
for _, id in ipairs(ids) do
found[id] = found[id] or query(id, id, 1)[1]
end
return found
end`

const piece154 = `local MOST_TRIMMED = 5000
local function acknowledge(stream, group, declared, ids)
redis.call('XACK', stream, group, unpack(ids))
if declared == '-' then
return
end
local missing = {}
for name in string.gmatch(declared, '%S+') do
missing[name] = true
end
local all, bound = groups(stream), nil
for _, each in ipairs(all) do
missing[each.name] = nil
local first
if each.pending > 0 then
first = redis.call('XPENDING', stream, each.name, '-', '+', 1)[1][1]
else
first = following(each['last-delivered-id'])
end
if not bound or earlier(first, bound) then
bound = first
end
end
if next(missing) then
return
end
local left = ids
if redis.call('XTRIM', stream, 'MINID', '~', bound, 'LIMIT', MOST_TRIMMED) < MOST_TRIMMED - 1000 then
redis.call('XTRIM', stream, 'MINID', '=', bound)
left = {}
for _, id in ipairs(ids) do
if not earlier(id, bound) then
left[#left + 1] = id
end
end
end
for _, other in ipairs(all) do
if other.name ~= group and left[1] then
local theirs = other.pending > 0 and pending(stream, other.name, left) or {}
local finished = {}
for _, id in ipairs(left) do
if not theirs[id] and not earlier(other['last-delivered-id'], id) then
finished[#finished + 1] = id
end
end
left = finished
end
end
if left[1] then
redis.call('XDEL', stream, unpack(left))
end
end`

const piece155 = `local outcomes = { open = nil }
local MOST_FORGOTTEN, WEEK = 20, 604800000
function outcomes.open(results, due, channel)
return { results = results, due = due, channel = channel }
end
function outcomes.kept_ms(delivery)
return delivery.o and string.match(delivery.o, 'r(%d+)')
end
function outcomes.forget(of)
local ms = math.floor(now / 1000)
for _, id in ipairs(redis.call('ZRANGE', of.due, '-inf', ms, 'BYSCORE', 'LIMIT', 0, MOST_FORGOTTEN)) do
redis.call('HDEL', of.results, 'r' .. id, 'p' .. id, id)
redis.call('ZREM', of.due, id)
end
end
function outcomes.put(of, what, id, keep, text)
outcomes.forget(of)
local lasts = what == 'r' and keep or math.max(keep, WEEK)
redis.call('HSET', of.results, what .. id, text)
redis.call('ZADD', of.due, string.format('%.0f', math.floor(now / 1000) + lasts), id)
redis.pcall('SPUBLISH', of.channel .. id, what .. text)
end
function outcomes.keep(of, delivery, text)
local unique = delivery.o and string.match(delivery.o, 'u%d+')
if unique and redis.call('HGET', of.results, unique) == delivery.i then
redis.call('HDEL', of.results, unique)
redis.call('ZREM', of.due, unique)
end
local keep = outcomes.kept_ms(delivery)
if keep then
outcomes.put(of, 'r', delivery.i, keep, text)
end
end
function outcomes.read(of, id)
local ends = tonumber(redis.call('ZSCORE', of.due, id) or '0')
if ends <= math.floor(now / 1000) then
return false, false
end
return unpack(redis.call('HMGET', of.results, 'r' .. id, 'p' .. id))
end`

const piece156 = `local function load_places()
local function expanded(value)
if not value or not string.find(value, ':', 1, true) then
return value
end
return (string.gsub(value, '(r[^/ ]*/)(%d+):(%d+)', function(run, first, last)
local all = {}
for nth = tonumber(first), tonumber(last) do
all[#all + 1] = run .. nth
end
return table.concat(all, ' ')
end))
end
local places = { open = nil }
local STEP, MOST_BYTES, SMALL, BEHIND = 4, 65536, 1024, '\\1'
function places.open(busy, queued, ready, most)
return { busy = busy, queued = queued, ready = ready, most = tonumber(most), small = false }
end
function places.wrong(of)
return typed(of.busy, 'hash') or typed(of.queued, 'zset')
end
function places.key_of(place)
return string.match(place, '^[^\\1]*')
end
local function named(key, number)
return number == 1 and key or key .. '\\1' .. number
end
function places.free(of, key)
for number = 1, of.most do
local place = named(key, number)
if redis.call('HEXISTS', of.busy, place) == 0 then
return place
end
end
end
function places.take(of, place, location)
redis.call('HSET', of.busy, place, location)
end
function places.get(of, place)
return expanded(redis.call('HGET', of.busy, place))
end
function places.first(of, place)
return string.match(places.get(of, place) or '', '^%S+')
end
function places.queue(of, key, delivery)
redis.call('ZADD', of.queued, 0, members.from(key, delivery))
end
function places.is_queued(of, key, id)
local prefix = members.prefix(key, id)
return redis.call('ZRANGE', of.queued, '[' .. prefix, '(' .. prefix .. '\\255', 'BYLEX', 'LIMIT', 0, 1)[1] ~= nil
end
function places.unqueue(of, key, delivery)
redis.call('ZREM', of.queued, members.from(key, delivery))
end
function places.queued_entry(member)
return members.entry(member)
end
function places.queued_match(id)
return '*' .. members.prefix('', id) .. '*'
end
local function first_queued(of, key, run)
local from, to = '[' .. key .. '\\0', '(' .. key .. '\\1'
local count = of.small and run or math.min(run, STEP)
local found = redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', '0', count)
of.small = found[1] and #found[1] < SMALL
if run > count and #found == count and of.small then
for _, member in ipairs(redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', count, run - count)) do
found[#found + 1] = member
end
end
return found
end
local function put_run(of, place, run)
local add = { 'XADD', of.ready, '*', 'k', place }
for at, member in ipairs(run) do
add[2 * at + 4], add[2 * at + 5] = 'm', member
end
return 'r' .. redis.call(unpack(add)) .. '/1:' .. #run
end
local function run_of(found, length)
local run, bytes = {}, 0
for at, member in ipairs(found) do
bytes = bytes + #member
if at > 1 and bytes > MOST_BYTES or not members.may_run(member, length) then
break
end
run[at] = member
end
return run, bytes
end
function places.pass_on(of, place, run, later)
local key, number = place, ''
if string.find(place, '\\1', 1, true) then
key, number = string.match(place, '^([^\\1]*)\\1(%d*)$')
end
local found = (tonumber(number) or 1) <= of.most and first_queued(of, key, run) or {}
later = later or { busy = {}, free = {}, behind = 0, alone = true }
local together, bytes = run_of(found, #key)
local locations
if together[2] then
locations = put_run(of, place, together)
later.behind = later.behind + #together - 1
redis.call('ZREM', of.queued, unpack(together))
elseif found[1] then
local delivery = members.entry(found[1], #key)
if delivery then
delivery.k = place
locations = 'r' .. entry.put_ready(of.ready, delivery)
else
entry.put_ready(of.ready, { foreign = true, d = found[1] })
end
redis.call('ZREM', of.queued, found[1])
end
if locations then
later.busy[#later.busy + 1] = place
later.busy[#later.busy + 1] = locations
else
later.free[#later.free + 1] = place
end
if later.alone then
places.done(of, later)
end
return bytes
end
local function count_behind(of, change)
if change ~= 0 and redis.call('HINCRBY', of.busy, BEHIND, change) <= 0 then
redis.call('HDEL', of.busy, BEHIND)
end
end
function places.done(of, later)
if later.busy[1] then
redis.call('HSET', of.busy, unpack(later.busy))
end
if later.free[1] then
redis.call('HDEL', of.busy, unpack(later.free))
end
count_behind(of, later.behind)
end
function places.run(location)
return string.match(location, '^(r[^/]*/)')
end
local function leave_run(of, location, rest)
local run = places.run(location)
if run and string.find(rest, run, 1, true) then
count_behind(of, -1)
end
end
function places.left(of, place, position)
local base = members.position(position)
if base and string.find(redis.call('HGET', of.busy, place) or '', 'r' .. base .. '/', 1, true) then
return nil
end
return base or position
end
function places.is_in(value, location)
return value and string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true) ~= nil
end
function places.positions(of, position)
local found = redis.call('XRANGE', of.ready, position, position)[1]
local fields = found and found[2] or {}
if fields[1] ~= 'k' or fields[3] ~= 'm' then
return { position }
end
local value, all, there = places.get(of, fields[2]), {}, {}
for nth = 1, #fields / 2 - 1 do
all[nth] = position .. '/' .. nth
if places.is_in(value, 'r' .. all[nth]) then
there[#there + 1] = all[nth]
end
end
return there[1] and there or all
end
function places.follows(value, location)
if not value or value == location then
return false
end
local at = string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true)
return at ~= nil and at > 1
end
function places.list(value)
local list = { from = 1 }
for each in string.gmatch(expanded(value) or '', '%S+') do
list[#list + 1] = each
end
return list
end
function places.shift(list, location)
if list[list.from] == location then
list.from = list.from + 1
return true
end
for at = list.from + 1, #list do
if list[at] == location then
return false
end
end
return not places.run(location)
end
function places.without(value, location)
local left = {}
for each in string.gmatch(value or '', '%S+') do
if each ~= location then
left[#left + 1] = each
end
end
return table.concat(left, ' ')
end
function places.leave(of, place, location, run)
local rest = places.without(places.get(of, place), location)
leave_run(of, location, rest)
if rest == '' then
places.pass_on(of, place, run)
else
redis.call('HSET', of.busy, place, rest)
end
end
function places.move(of, place, from, to)
local value = places.get(of, place)
if not value then
redis.call('HSET', of.busy, place, to)
return
end
local list = {}
for each in string.gmatch(value, '%S+') do
list[#list + 1] = each == from and to or each
end
local rest = table.concat(list, ' ')
leave_run(of, from, rest)
redis.call('HSET', of.busy, place, rest)
end
function places.later(due, id)
return 'd' .. string.format('%.0f', due) .. '/' .. id
end
function places.enter(of, key, delivery)
local place = places.free(of, key)
if not place then
places.queue(of, key, delivery)
return
end
delivery.k = place
places.take(of, place, 'r' .. entry.put_ready(of.ready, delivery))
end
function places.delayed_location(of, delivery)
local location
for each in string.gmatch(places.get(of, delivery.k) or '', '%S+') do
location = string.match(each, '^d%d+/(.*)$') == delivery.i and each or location
end
return location
end
function places.leave_delayed(of, delivery)
local location = places.delayed_location(of, delivery)
if location then
places.leave(of, delivery.k, location, 1)
end
end
function places.due(of, delivery)
local location = delivery.k and places.delayed_location(of, delivery)
if location then
places.move(of, delivery.k, location, 'r' .. entry.put_ready(of.ready, delivery))
elseif delivery.q or delivery.k then
places.enter(of, delivery.q or places.key_of(delivery.k), delivery)
else
entry.put_ready(of.ready, delivery)
end
end
local function has_earlier(of, key, id)
local found = redis.call('ZRANGE', of.queued, '[' .. key .. '\\0', '(' .. members.prefix(key, id), 'BYLEX', 'LIMIT', 0, 1)
return found[1] ~= nil
end
function places.give_back(of, delivery, location)
local place = delivery.k
local key, value = places.key_of(place), places.get(of, place)
if not places.is_in(value, location) then
places.enter(of, key, delivery)
elseif places.follows(value, location) or has_earlier(of, key, delivery.i) then
places.queue(of, key, delivery)
places.leave(of, place, location, 1)
else
places.move(of, place, location, 'r' .. entry.put_ready(of.ready, delivery))
end
end
function places.dissolve(of, run)
for _, position in ipairs(places.positions(of, run)) do
local delivery = entry.read_ready(of.ready, position)
if delivery and delivery.k then
places.give_back(of, delivery, 'r' .. position)
end
end
redis.call('XDEL', of.ready, run)
end
function places.bury(of, delivery, location, position, stops)
if stops then
places.move(of, delivery.k, location, 'x' .. position)
else
places.leave(of, delivery.k, location, 1)
end
end
return places
end
local function placing(most, busy, queued, ready)
if most ~= '0' then
local places = load_places()
return places, places.open(busy, queued, ready, most)
end
end`

const piece157 = `local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(delayed, 'zset') or typed(held[3], 'hash') or typed(held[4], 'zset')
or typed(held[5], 'zset')
local places, of = placing(most, held[1], held[2], ready)
wrong = wrong or of and places.wrong(of)
if wrong then
return wrong
end
local ends = outcomes.open(held[3], held[4], channels)
if last == '' then
last = '0-0'
local info = redis.call('EXISTS', stream) == 1 and redis.call('XINFO', 'STREAM', stream) or {}
for at = 1, #info, 2 do
last = info[at] == 'last-generated-id' and info[at + 1] or last
end
end
local function group_of(key)
for _, found in ipairs(redis.call('EXISTS', key) == 1 and groups(key) or {}) do
if found.name == group then
return found
end
end
end
local function is_meant(id)
return not earlier(last, id)
end
local function remove_members(key, read, removed)
local count, kept, bytes = 0, tonumber(from), 0
for _ = 1, STEP / 4 do
local found = redis.call('ZRANGE', key, kept, kept + 3)
for _, member in ipairs(found) do
bytes = bytes + #member
local delivery = read(member)
if delivery and is_meant(delivery.i) then
redis.call('ZREM', key, member)
removed(delivery)
outcomes.keep(ends, delivery, 'c')
count = count + 1
else
kept = kept + 1
end
end
if not found[4] then
return count
elseif bytes >= MOST_BYTES then
break
end
end
return count, tostring(kept)
end
local function remove_low()
return remove_members(held[5], low.entry, function() end)
end
local function remove_queued()
if not of then
return 0
end
return remove_members(held[2], places.queued_entry, function() end)
end
local function remove_delayed()
return remove_members(delayed, entry.unpacked, function(delivery)
if of and delivery.k then
places.leave_delayed(of, delivery)
end
end)
end
local function remove_ready()
local found = group_of(ready)
local first = from == '0' and found and '(' .. found['last-delivered-id'] or from == '0' and '-' or from
local positions, all = ids(ready, first, '+', STEP)
local count = 0
for _, position in ipairs(positions) do
local each_of = of and places.positions(of, position) or { position }
for _, each in ipairs(each_of) do
local delivery = entry.read_ready(ready, each)
if not delivery.foreign and is_meant(delivery.i) then
if of and delivery.k then
places.leave(of, delivery.k, 'r' .. each, 1)
end
if each == position then
redis.call('XDEL', ready, position)
end
outcomes.keep(ends, delivery, 'c')
count = count + 1
elseif each ~= position and not delivery.foreign then
places.give_back(of, delivery, 'r' .. each)
end
end
if each_of[1] ~= position then
redis.call('XDEL', ready, position)
end
end
return count, not all and '(' .. positions[#positions] or nil
end
local function remove_new()
local found = group_of(stream)
if not found then
return 0
end
local read = found['last-delivered-id']
local new, all = ids(stream, '(' .. read, last, STEP)
if not new[1] then
return 0
end
local args = { 'XGROUP', 'SETID', stream, group, new[#new] }
if found['entries-read'] then
args[6], args[7] = 'ENTRIESREAD', string.format('%.0f', found['entries-read'] + #new)
end
local removed = {}
for nth, id in ipairs(declared == group and new or {}) do
removed[nth] = entry.read(stream, id)
end
redis.call(unpack(args))
acknowledge(stream, group, declared, new)
for _, delivery in ipairs(removed) do
if of and delivery.k then
places.leave(of, delivery.k, 'm' .. delivery.i, 1)
end
outcomes.keep(ends, delivery, 'c')
end
return #new, not all and '0' or nil
end
local remove = { low = remove_low, queued = remove_queued, delayed = remove_delayed, ready = remove_ready, stream = remove_new }
local count, following = remove[place]()
if following then
return { count, last, place, following }
end
return { count, last, NEXT[place], '0' }`

const piece158 = `local wrong = typed(stream, 'stream') or typed(ready, 'stream')
if wrong then
return wrong
end
local here = has(stream, group)
for _, key in ipairs({ stream, ready }) do
for _, fields in ipairs(has(key, group) and redis.call('XINFO', 'CONSUMERS', key, group) or {}) do
local consumer = {}
for at = 1, #fields, 2 do
consumer[fields[at]] = fields[at + 1]
end
if consumer.idle < tonumber(quiet) then
return consumer.name
end
end
end
local gone = redis.call('UNLINK', ready, delayed, dead, paused, held[1], held[2], held[3], held[4], held[5])
if here then
redis.call('XGROUP', 'DESTROY', stream, group)
end
return (here or gone > 0) and 1 or 0`

const piece159 = `local args = { 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', unpack(sources) }
if from == '' then
for _ in ipairs(sources) do
args[#args + 1] = '>'
end
else
for id in string.gmatch(from, '%S+') do
args[#args + 1] = id
end
end
local found = redis.pcall('XREADGROUP', unpack(args))
if found and found.err then
return found
end
return { from == '' and last_ids(found, tonumber(count)), found }`

const piece160 = `local wrong = typed(stream, 'stream') or typed(ready, 'stream')
if wrong then
return wrong
end
local gone = 0
for _, key in ipairs({ stream, ready }) do
local left = MOST
for _, fields in ipairs(redis.pcall('XINFO', 'CONSUMERS', key, group)) do
local consumer = {}
for at = 1, #fields, 2 do
consumer[fields[at]] = fields[at + 1]
end
if left == 0 then
break
end
if consumer.pending == 0 and consumer.idle > tonumber(silent) then
redis.call('XGROUP', 'DELCONSUMER', key, group, consumer.name)
gone, left = gone + 1, left - 1
end
end
end
return gone`

const piece161 = `local left = redis.call('PTTL', paused)
if left == -1 or left >= tonumber(lasts) then
return 0
end
redis.call('SET', paused, string.format('%.0f', math.floor(now / 1000)), 'PX', lasts)
redis.pcall('SPUBLISH', channel, 'p')
return 1`

const piece162 = `local function load_places()
local function expanded(value)
if not value or not string.find(value, ':', 1, true) then
return value
end
return (string.gsub(value, '(r[^/ ]*/)(%d+):(%d+)', function(run, first, last)
local all = {}
for nth = tonumber(first), tonumber(last) do
all[#all + 1] = run .. nth
end
return table.concat(all, ' ')
end))
end
local function sortable(id)
local ms, number = string.match(id, '^(%d+)-(%d+)$')
return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end
local members = { from = nil }
function members.prefix(key, id)
return key .. '\\0' .. sortable(id) .. '\\0'
end
function members.from(key, delivery)
local more = ''
if delivery.a > 0 or delivery.f > 0 or delivery.v or delivery.o then
more = string.format('%.0f %.0f %.0f ', delivery.a, delivery.f, delivery.v or 0) .. (delivery.o or '')
end
return members.prefix(key, delivery.i) .. (delivery.t or '') .. '\\0' .. more .. '\\0' .. delivery.d
end
function members.entry(member, length)
length = length or #string.match(member, '^[^%z]*')
local ms, number, trace, more, payload =
string.match(member, '^%z%u(%d+)%u(%d+)%z([^%z]*)%z([^%z]*)%z(.*)$', length + 1)
if not ms then
return nil
end
local delivery = { i = ms .. '-' .. number, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil }
if more ~= '' then
local a, f, v, o = string.match(more, '^(%d+) (%d+) (%d+) (.*)$')
if not a then
return nil
end
delivery.a, delivery.f = tonumber(a), tonumber(f)
delivery.v = v ~= '0' and tonumber(v) or nil
delivery.o = o ~= '' and o or nil
end
return delivery
end
function members.may_run(member, length)
return string.find(member, '^%z%u%d+%u%d+%z[^%z]*%z%z', length + 1) ~= nil
end
function members.position(position)
return string.match(position, '^([^/]*)/(%d+)$')
end
function members.of_run(fields, nth)
local member = fields[1] == 'k' and fields[2 * nth + 1] == 'm' and fields[2 * nth + 2]
local delivery = member and members.entry(member)
if delivery then
delivery.k = fields[2]
end
return delivery or nil
end
local places = { open = nil }
local STEP, MOST_BYTES, SMALL, BEHIND = 4, 65536, 1024, '\\1'
function places.open(busy, queued, ready, most)
return { busy = busy, queued = queued, ready = ready, most = tonumber(most), small = false }
end
function places.wrong(of)
return typed(of.busy, 'hash') or typed(of.queued, 'zset')
end
function places.key_of(place)
return string.match(place, '^[^\\1]*')
end
local function named(key, number)
return number == 1 and key or key .. '\\1' .. number
end
function places.free(of, key)
for number = 1, of.most do
local place = named(key, number)
if redis.call('HEXISTS', of.busy, place) == 0 then
return place
end
end
end
function places.take(of, place, location)
redis.call('HSET', of.busy, place, location)
end
function places.get(of, place)
return expanded(redis.call('HGET', of.busy, place))
end
function places.first(of, place)
return string.match(places.get(of, place) or '', '^%S+')
end
function places.queue(of, key, delivery)
redis.call('ZADD', of.queued, 0, members.from(key, delivery))
end
function places.is_queued(of, key, id)
local prefix = members.prefix(key, id)
return redis.call('ZRANGE', of.queued, '[' .. prefix, '(' .. prefix .. '\\255', 'BYLEX', 'LIMIT', 0, 1)[1] ~= nil
end
function places.unqueue(of, key, delivery)
redis.call('ZREM', of.queued, members.from(key, delivery))
end
function places.queued_entry(member)
return members.entry(member)
end
function places.queued_match(id)
return '*' .. members.prefix('', id) .. '*'
end
local function first_queued(of, key, run)
local from, to = '[' .. key .. '\\0', '(' .. key .. '\\1'
local count = of.small and run or math.min(run, STEP)
local found = redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', '0', count)
of.small = found[1] and #found[1] < SMALL
if run > count and #found == count and of.small then
for _, member in ipairs(redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', count, run - count)) do
found[#found + 1] = member
end
end
return found
end
local function put_run(of, place, run)
local add = { 'XADD', of.ready, '*', 'k', place }
for at, member in ipairs(run) do
add[2 * at + 4], add[2 * at + 5] = 'm', member
end
return 'r' .. redis.call(unpack(add)) .. '/1:' .. #run
end
local function run_of(found, length)
local run, bytes = {}, 0
for at, member in ipairs(found) do
bytes = bytes + #member
if at > 1 and bytes > MOST_BYTES or not members.may_run(member, length) then
break
end
run[at] = member
end
return run, bytes
end
function places.pass_on(of, place, run, later)
local key, number = place, ''
if string.find(place, '\\1', 1, true) then
key, number = string.match(place, '^([^\\1]*)\\1(%d*)$')
end
local found = (tonumber(number) or 1) <= of.most and first_queued(of, key, run) or {}
later = later or { busy = {}, free = {}, behind = 0, alone = true }
local together, bytes = run_of(found, #key)
local locations
if together[2] then
locations = put_run(of, place, together)
later.behind = later.behind + #together - 1
redis.call('ZREM', of.queued, unpack(together))
elseif found[1] then
local delivery = members.entry(found[1], #key)
if delivery then
delivery.k = place
locations = 'r' .. entry.put_ready(of.ready, delivery)
else
entry.put_ready(of.ready, { foreign = true, d = found[1] })
end
redis.call('ZREM', of.queued, found[1])
end
if locations then
later.busy[#later.busy + 1] = place
later.busy[#later.busy + 1] = locations
else
later.free[#later.free + 1] = place
end
if later.alone then
places.done(of, later)
end
return bytes
end
local function count_behind(of, change)
if change ~= 0 and redis.call('HINCRBY', of.busy, BEHIND, change) <= 0 then
redis.call('HDEL', of.busy, BEHIND)
end
end
function places.done(of, later)
if later.busy[1] then
redis.call('HSET', of.busy, unpack(later.busy))
end
if later.free[1] then
redis.call('HDEL', of.busy, unpack(later.free))
end
count_behind(of, later.behind)
end
function places.run(location)
return string.match(location, '^(r[^/]*/)')
end
local function leave_run(of, location, rest)
local run = places.run(location)
if run and string.find(rest, run, 1, true) then
count_behind(of, -1)
end
end
function places.left(of, place, position)
local base = members.position(position)
if base and string.find(redis.call('HGET', of.busy, place) or '', 'r' .. base .. '/', 1, true) then
return nil
end
return base or position
end
function places.is_in(value, location)
return value and string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true) ~= nil
end
function places.positions(of, position)
local found = redis.call('XRANGE', of.ready, position, position)[1]
local fields = found and found[2] or {}
if fields[1] ~= 'k' or fields[3] ~= 'm' then
return { position }
end
local value, all, there = places.get(of, fields[2]), {}, {}
for nth = 1, #fields / 2 - 1 do
all[nth] = position .. '/' .. nth
if places.is_in(value, 'r' .. all[nth]) then
there[#there + 1] = all[nth]
end
end
return there[1] and there or all
end
function places.follows(value, location)
if not value or value == location then
return false
end
local at = string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true)
return at ~= nil and at > 1
end
function places.list(value)
local list = { from = 1 }
for each in string.gmatch(expanded(value) or '', '%S+') do
list[#list + 1] = each
end
return list
end
function places.shift(list, location)
if list[list.from] == location then
list.from = list.from + 1
return true
end
for at = list.from + 1, #list do
if list[at] == location then
return false
end
end
return not places.run(location)
end
function places.without(value, location)
local left = {}
for each in string.gmatch(value or '', '%S+') do
if each ~= location then
left[#left + 1] = each
end
end
return table.concat(left, ' ')
end
function places.leave(of, place, location, run)
local rest = places.without(places.get(of, place), location)
leave_run(of, location, rest)
if rest == '' then
places.pass_on(of, place, run)
else
redis.call('HSET', of.busy, place, rest)
end
end
function places.move(of, place, from, to)
local value = places.get(of, place)
if not value then
redis.call('HSET', of.busy, place, to)
return
end
local list = {}
for each in string.gmatch(value, '%S+') do
list[#list + 1] = each == from and to or each
end
local rest = table.concat(list, ' ')
leave_run(of, from, rest)
redis.call('HSET', of.busy, place, rest)
end
function places.later(due, id)
return 'd' .. string.format('%.0f', due) .. '/' .. id
end
function places.enter(of, key, delivery)
local place = places.free(of, key)
if not place then
places.queue(of, key, delivery)
return
end
delivery.k = place
places.take(of, place, 'r' .. entry.put_ready(of.ready, delivery))
end
function places.delayed_location(of, delivery)
local location
for each in string.gmatch(places.get(of, delivery.k) or '', '%S+') do
location = string.match(each, '^d%d+/(.*)$') == delivery.i and each or location
end
return location
end
function places.leave_delayed(of, delivery)
local location = places.delayed_location(of, delivery)
if location then
places.leave(of, delivery.k, location, 1)
end
end
function places.due(of, delivery)
local location = delivery.k and places.delayed_location(of, delivery)
if location then
places.move(of, delivery.k, location, 'r' .. entry.put_ready(of.ready, delivery))
elseif delivery.q or delivery.k then
places.enter(of, delivery.q or places.key_of(delivery.k), delivery)
else
entry.put_ready(of.ready, delivery)
end
end
local function has_earlier(of, key, id)
local found = redis.call('ZRANGE', of.queued, '[' .. key .. '\\0', '(' .. members.prefix(key, id), 'BYLEX', 'LIMIT', 0, 1)
return found[1] ~= nil
end
function places.give_back(of, delivery, location)
local place = delivery.k
local key, value = places.key_of(place), places.get(of, place)
if not places.is_in(value, location) then
places.enter(of, key, delivery)
elseif places.follows(value, location) or has_earlier(of, key, delivery.i) then
places.queue(of, key, delivery)
places.leave(of, place, location, 1)
else
places.move(of, place, location, 'r' .. entry.put_ready(of.ready, delivery))
end
end
function places.dissolve(of, run)
for _, position in ipairs(places.positions(of, run)) do
local delivery = entry.read_ready(of.ready, position)
if delivery and delivery.k then
places.give_back(of, delivery, 'r' .. position)
end
end
redis.call('XDEL', of.ready, run)
end
function places.bury(of, delivery, location, position, stops)
if stops then
places.move(of, delivery.k, location, 'x' .. position)
else
places.leave(of, delivery.k, location, 1)
end
end
return places
end
local function placing(most, busy, queued, ready)
if most ~= '0' then
local places = load_places()
return places, places.open(busy, queued, ready, most)
end
end`

const piece163 = `local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(delayed, 'zset')
local places, of = placing(most, held[1], held[2], ready)
wrong = wrong or of and places.wrong(of)
if wrong then
return wrong
end
local function give_back(delivery, location)
if of and delivery.k then
delivery.f = delivery.f + 1
places.give_back(of, delivery, location)
elseif of and delivery.q then
delivery.f = delivery.f + 1
entry.put_delayed(delayed, delivery, delivery.n or 0)
else
entry.give_back(ready, delayed, delivery, math.floor(now / 1000))
end
end
local given = 0
for _, key in ipairs({ stream, ready }) do
local ids = {}
local all = redis.pcall('XPENDING', key, group, '-', '+', MOST, consumer)
if all.err and not string.match(all.err, '^NOGROUP') then
error(all)
end
local bytes = 0
for at, row in ipairs(all) do
if bytes >= MOST_BYTES then
break
end
ids[at] = row[1]
for _, position in ipairs(of and key == ready and places.positions(of, row[1]) or { row[1] }) do
local delivery = (key == ready and entry.read_ready or entry.read)(key, position)
if delivery then
bytes = bytes + #(delivery.d or '')
give_back(delivery, (key == ready and 'r' or 'm') .. position)
end
end
end
if ids[1] and key == stream then
acknowledge(stream, group, declared, ids)
elseif ids[1] then
redis.call('XACK', ready, group, unpack(ids))
redis.call('XDEL', ready, unpack(ids))
end
given = given + #ids
end
if given == 0 then
redis.pcall('XGROUP', 'DELCONSUMER', stream, group, consumer)
redis.pcall('XGROUP', 'DELCONSUMER', ready, group, consumer)
redis.call('DEL', settled)
end
return given`

const piece164 = `local FIRST_MS, RECORDED = 1000000000, 100000000000000
local started = {}
function started.recorded(count)
return count >= RECORDED
end
function started.since(row, ms)
local count = row[4]
if count >= RECORDED then
return count - RECORDED
end
return count >= FIRST_MS and count or ms - row[3]
end
function started.mark(row, ms, starting)
if starting then
return RECORDED + started.since(row, ms)
end
return row[4] < FIRST_MS and started.since(row, ms) or nil
end`

const piece165 = `local due = string.match(action, '^move (%d+)$')
local place, cursor = string.match(from, '^(%a+) (.+)$')
local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(delayed, 'zset') or typed(dead, 'stream')
or typed(held[3], 'hash') or typed(held[4], 'zset') or typed(held[5], 'zset')
local places, of = placing(most, held[1], held[2], ready)
wrong = wrong or of and places.wrong(of)
if wrong then
return wrong
end
local kept = outcomes.open(held[3], held[4], channels)
local ms = math.floor(now / 1000)
local function lease(key, position)
local found = redis.pcall('XPENDING', key, group, position, position, 1)
return not found.err and found[1] or nil
end
local function consumers_of_group()
local seen, alive, all = {}, 0, 0
for _, key in ipairs({ stream, ready }) do
local found = redis.pcall('XINFO', 'CONSUMERS', key, group)
for _, fields in ipairs(found.err and {} or found) do
local consumer = {}
for at = 1, #fields, 2 do
consumer[fields[at]] = fields[at + 1]
end
all = all + (seen[consumer.name] == nil and 1 or 0)
if consumer.idle < ALIVE_MS and not seen[consumer.name] then
alive = alive + 1
end
seen[consumer.name] = seen[consumer.name] or consumer.idle < ALIVE_MS
end
end
return alive, all
end
local function holder(key)
local code, position = string.match(of and key and places.first(of, key) or '', '^(%a)(.*)$')
if code == 'd' then
local time, entry_id = string.match(position, '^(%d+)/(.*)$')
return code, entry_id, time
end
local found = code == 'm' and { i = position } or code and entry.read_ready(code == 'x' and dead or ready, position)
local held_by = (code == 'm' or code == 'r') and lease(code == 'm' and stream or ready, string.match(position, '^[^/]*'))
return code, found and found.i, nil, held_by and held_by[2], held_by and held_by[3]
end
local function reply(state, delivery, done, row, time)
local outcome, progress = outcomes.read(kept, id)
local told = {
state,
done and '1' or '',
row and row[2] or '',
tostring(row and row[3] or 0),
tostring(delivery and delivery.a or 0),
time and string.format('%.0f', time) or '',
outcome or '',
progress or '',
delivery and outcomes.kept_ms(delivery) and '1' or '',
row and string.format('%.0f', started.since(row, ms)) or '',
}
if action == 'show' then
told[#told + 1] = delivery and delivery.d or ''
elseif action == 'why' then
local alive, all = consumers_of_group()
local kind, entry_id, due_at, owner, owner_idle = holder(state == 'queued' and delivery.q)
for _, value in ipairs({ string.format('%.0f', ms), redis.call('PTTL', held[6]), alive, all, kind or '', entry_id or '', due_at or '', owner or '', owner_idle or 0, delivery and delivery.d or '', place == 'low' and '1' or '' }) do
told[#told + 1] = tostring(value)
end
end
return told
end
local function cancelled(delivery, location)
if of and delivery.k and location == 'd' then
places.leave_delayed(of, delivery)
elseif of and delivery.k then
places.leave(of, delivery.k, location, 1)
end
outcomes.keep(kept, delivery, 'c')
end
local function move(delivery, location)
if tonumber(due) <= ms then
if not of or not (delivery.k or delivery.q) then
entry.put_ready(ready, delivery)
elseif delivery.q then
places.enter(of, delivery.q, delivery)
elseif location == 'd' then
places.due(of, delivery)
else
places.move(of, delivery.k, location, 'r' .. entry.put_ready(ready, delivery))
end
else
entry.put_delayed(delayed, delivery, due)
if of and delivery.k then
location = location == 'd' and places.delayed_location(of, delivery) or location
places.move(of, delivery.k, location, places.later(due, delivery.i))
end
end
redis.pcall('SPUBLISH', workers, '')
end
local function act(state, delivery, location, remove, time)
local acts = action == 'cancel' or due
if acts then
remove()
end
if action == 'cancel' then
cancelled(delivery, location)
elseif due then
move(delivery, location)
time = tonumber(due)
end
return reply(state, delivery, acts, nil, time)
end
local function running(key, position, delivery, held_by)
local code = key == ready and 'r' or 'm'
if action == 'cancel' then
cancelled(delivery, code .. position)
local left = position
if of and delivery.k then
left = places.left(of, delivery.k, position)
end
if left then
acknowledge(key, group, group, { left })
end
redis.pcall('SPUBLISH', workers, 'x' .. code .. position)
end
return reply('running', delivery, action == 'cancel', held_by)
end
local function in_stream()
local delivery = entry.read(stream, id)
if not delivery then
return
end
local held_by = lease(stream, id)
if held_by and not delivery.n then
return running(stream, id, delivery, held_by)
end
for _, each in ipairs(held_by and {} or groups(stream)) do
if each.name == group and not earlier(each['last-delivered-id'], id) then
return
end
end
local later = delivery.n and delivery.n > ms
return act(later and 'delayed' or 'waiting', delivery, 'm' .. id, function()
if held_by then
acknowledge(stream, group, group, { id })
else
redis.call('XDEL', stream, id)
end
end, delivery.n)
end
local function scan(key, match, read)
for _ = 1, ROUNDS do
local page = redis.call('ZSCAN', key, cursor, 'MATCH', match, 'COUNT', COUNT)
for at = 1, #page[2], 2 do
local delivery = read(page[2][at])
if delivery and delivery.i == id then
return delivery, page[2][at], tonumber(page[2][at + 1])
end
end
cursor = page[1]
if cursor == '0' then
return
end
end
end
local function in_low()
cursor = '0'
local delivery, member = low.find(held[5], id)
return delivery and act('waiting', delivery, nil, function()
redis.call('ZREM', held[5], member)
end)
end
local function in_queue()
if not of then
cursor = '0'
return
end
local delivery, member = scan(held[2], places.queued_match(id), places.queued_entry)
if not delivery then
return
end
delivery.q = string.match(member, '^[^%z]+')
return act('queued', delivery, nil, function()
redis.call('ZREM', held[2], member)
end)
end
local function in_delayed()
local delivery, member, time = scan(delayed, '?' .. cmsgpack.pack(id) .. '*', entry.unpacked)
return delivery
and act(delivery.a > 0 and 'retrying' or 'delayed', delivery, 'd', function()
redis.call('ZREM', delayed, member)
end, time)
end
local wanted = '\\0' .. sortable(id) .. '\\0'
local function find_in(key)
local first, bytes = cursor == '0' and '-' or cursor, 0
for _ = 1, 2000 do
local page = redis.call('XRANGE', key, first, '+', 'COUNT', 4)
for _, found in ipairs(page) do
for at = 1, #found[2], 2 do
if found[2][at] == 'i' and found[2][at + 1] == id then
return found[1]
elseif of and key == ready and found[2][at] == 'm' and string.find(found[2][at + 1], wanted, 1, true) then
local position = found[1] .. '/' .. (at - 1) / 2
if places.is_in(places.get(of, found[2][2]), 'r' .. position) then
return position
end
end
bytes = bytes + #found[2][at + 1]
end
end
first = page[4] and '(' .. page[4][1]
if not first or bytes > MOST_BYTES then
break
end
end
cursor = first or '0'
end
local function in_ready()
local position = find_in(ready)
if not position then
return
end
local delivery = entry.read_ready(ready, position)
local base = string.match(position, '^[^/]*')
local held_by = lease(ready, base)
if held_by then
return running(ready, position, delivery, held_by)
end
if base ~= position and (action == 'cancel' or due) then
places.dissolve(of, base)
local key = places.key_of(delivery.k)
if places.is_queued(of, key, id) then
delivery.q, delivery.k = key, nil
return act('waiting', delivery, nil, function()
places.unqueue(of, key, delivery)
end)
end
position = string.sub(places.first(of, delivery.k), 2)
end
return act('waiting', delivery, 'r' .. position, function()
redis.call('XDEL', ready, position)
end)
end
local function in_dead()
local position = find_in(dead)
return position and reply('dead', entry.read_ready(dead, position))
end
local look = { stream = in_stream, low = in_low, queued = in_queue, delayed = in_delayed, ready = in_ready, dead = in_dead }
local outcome = outcomes.read(kept, id)
if outcome then
local first = string.sub(outcome, 1, 1)
if first ~= 'x' or action == 'outcome' then
return reply(first == 'd' and 'done' or first == 'c' and 'cancelled' or 'dead', nil)
end
place, cursor = 'dead', place == 'dead' and cursor or '0'
end
for _ = 1, 6 do
local found = look[place]()
if found then
return found
elseif place ~= 'stream' and cursor ~= '0' then
return { '', place .. ' ' .. cursor }
end
place, cursor = NEXT[place], '0'
if not place then
break
end
end
return reply('gone', nil)`

const piece166 = `local MOST_FORGOTTEN = 5000
local function trim_dead(dead, how, bound)
if redis.call('XTRIM', dead, how, '~', bound, 'LIMIT', MOST_FORGOTTEN) < MOST_FORGOTTEN / 2 then
redis.call('XTRIM', dead, how, '=', bound)
end
end
local function keep_dead(dead, keep)
local entries, age = string.match(keep, '^(%d+) (%d+)$')
if entries ~= '0' then
trim_dead(dead, 'MAXLEN', entries)
end
if age ~= '0' then
trim_dead(dead, 'MINID', string.format('%.0f', math.max(0, math.floor(now / 1000) - age)))
end
end`

const piece167 = `local ms = math.floor(now / 1000)
local reply = {}
local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(delayed, 'zset') or typed(dead, 'stream')
or typed(held[3], 'hash') or typed(held[4], 'zset') or typed(held[5], 'zset')
local places, of = placing(most, held[1], held[2], ready)
wrong = wrong or of and places.wrong(of)
if wrong then
return wrong
end
local had_low = redis.call('EXISTS', held[5])
local function put_due(delivery)
if of then
places.due(of, delivery)
else
put_waiting(ready, held[5], delivery)
end
end
redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', 1, 'STREAMS', ready, END)
in_steps(function(count)
local bytes, found = 0, redis.call('ZRANGE', delayed, '-inf', ms, 'BYSCORE', 'LIMIT', 0, count)
for _, packed in ipairs(found) do
if not entry.put_due(dead, group, packed, put_due) then
reply[#reply + 1] = { '0-0', 0, 0 }
end
redis.call('ZREM', delayed, packed)
bytes = bytes + #packed
end
return #found == count and bytes
end)
local function take(key, cursor, count)
local claimed = redis.call('XAUTOCLAIM', key, group, consumer, lease, cursor, 'COUNT', count, 'JUSTID')
local ids, bytes = claimed[2], 0
local function take_over(id, position)
local recorded = started.recorded(redis.call('XPENDING', key, group, id, id, 1)[1][4])
local delivery = (key == ready and entry.read_ready or entry.read)(key, position)
bytes = bytes + #(delivery.d or '')
if delivery.foreign then
entry.put_dead(dead, delivery, group, 'invalid', 'an entry among the retries cannot be read: something other than penknife wrote it')
reply[#reply + 1] = { '0-0', 0, 0 }
elseif delivery.n and delivery.n > ms then
entry.give_back(ready, delayed, delivery, ms)
elseif of and delivery.q then
delivery.f = delivery.f + 1
places.enter(of, delivery.q, delivery)
else
local location = (key == ready and 'r' or 'm') .. position
delivery.f, delivery.v = delivery.f + 1, recorded and 1 or (delivery.v or 0) + 1
local used = recorded or delivery.v > MOST_UNRECORDED
delivery.a = delivery.a + (used and 1 or 0)
local over = used and delivery.a >= entry.attempts(delivery, attempts)
if over then
local reason = delivery.a .. ' attempts are used up; in the last one its worker vanished or lost it'
local letter = entry.put_dead(dead, delivery, group, 'vanished', reason)
keeping.outcome(held, channels, delivery, 'xvanished ' .. reason)
if of and delivery.k then
places.bury(of, delivery, location, letter, stops == '1')
end
elseif of and delivery.k then
places.give_back(of, delivery, location)
else
entry.put_ready(ready, delivery)
end
reply[#reply + 1] = { delivery.i, over and -delivery.a or delivery.a, delivery.f }
end
end
for _, id in ipairs(ids) do
for _, position in ipairs(of and key == ready and places.positions(of, id) or { id }) do
take_over(id, position)
end
end
if ids[1] and key == stream then
acknowledge(stream, group, declared, ids)
elseif ids[1] then
redis.call('XACK', ready, group, unpack(ids))
redis.call('XDEL', ready, unpack(ids))
end
return claimed[1], bytes
end
local function take_all(key, cursor)
in_steps(function(count)
local bytes
cursor, bytes = take(key, cursor, count)
return cursor ~= '0-0' and bytes
end)
return cursor
end
local stream_next, ready_next = take_all(stream, from_stream), take_all(ready, from_ready)
keeping.forget(held, channels)
if keep ~= '0 0' then
keep_dead(dead, keep)
end
local soonest = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
local wait = soonest[2] and math.max(0, tonumber(soonest[2]) - ms) or -1
local ends = redis.call('PTTL', paused)
if ends >= 0 and (wait < 0 or ends < wait) then
wait = ends
end
local has_low = redis.call('EXISTS', held[5])
if has_low > had_low then
redis.pcall('SPUBLISH', workers, 'l')
end
local state = (ends == -2 and 0 or 1) + 2 * redis.call('EXISTS', watched) + 4 * has_low
return { stream_next, ready_next, state, wait, unpack(reply) }`

const piece168 = `local wrong = typed(stream, 'stream') or typed(ready, 'stream')
if wrong then
return wrong
end
make(ready, group, '0')
make(stream, group, from)
return redis.call('EXISTS', paused)`

const piece169 = `local wrong = typed(output, 'string')
if wrong then
return wrong
end
local size = redis.call('STRLEN', output) - HEAD
if size < 0 then
return { '', '', '', '', '' }
end
local known = redis.call('GETRANGE', output, 0, HEAD - 1)
local start = tonumber(from)
if known ~= fence or start > size then
start = 0
end
local text = redis.call('GETRANGE', output, HEAD + start, HEAD + start + MOST - 1)
local first, last = 1, #text
for _ = 1, 3 do
first = inside(text, first) and first + 1 or first
end
if start + last < size then
local next_byte = redis.call('GETRANGE', output, HEAD + start + last, HEAD + start + last)
for _ = 1, 3 do
if not inside(next_byte, 1) then
break
end
next_byte = string.sub(text, last, last)
last = last - 1
end
end
return {
known,
tostring(start + first - 1),
tostring(start + last),
string.sub(text, first, last),
start + last < size and '1' or '',
}`

const piece170 = `if redis.call('EXISTS', stream) == 0 then
return { 0, 0 }
end
local bytes = redis.pcall('MEMORY', 'USAGE', stream)
local reply = { redis.call('XLEN', stream), type(bytes) == 'number' and bytes or -1 }
for _, group in ipairs(groups(stream)) do
reply[#reply + 1] = group.name
end
return reply`

const piece171 = `local page, room, left = { 1 }, tonumber(bytes), tonumber(count)
local step = 2
for _ = 1, left do
step = math.min(step, left)
local found = redis.call(order, stream, first, last, 'COUNT', step)
for _, entry in ipairs(found) do
room = room - size(entry[2])
if room < 0 and #page > 1 then
return page
end
page[#page + 1] = entry
end
if #found < step then
page[1] = 0
return page
end
first = '(' .. found[step][1]
left = left - step
if left == 0 then
return page
end
local each = math.max(1, (bytes - room) / (#page - 1))
step = math.max(1, math.min(STEP, math.floor(room / each) + 1))
end
return page`

const piece172 = `local changed
if on == '1' then
changed = redis.call('PTTL', paused) ~= -1 and 1 or 0
if changed == 1 then
redis.call('SET', paused, string.format('%.0f', math.floor(now / 1000)))
end
else
changed = redis.call('DEL', paused)
end
redis.pcall('SPUBLISH', channel, on == '1' and 'p' or '')
return changed`

const piece173 = `local wrong = typed(stream, 'stream') or typed(held[1], 'hash') or typed(held[2], 'zset')
if wrong then
return wrong
end
if not pending(stream, group, { position }, consumer)[position] then
return 0
end
outcomes.put(outcomes.open(held[1], held[2], channels), 'p', id, keep, json)
return 1`

const piece174 = `local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(lows, 'zset')
if wrong then
return wrong
end
local moved, bytes, most = 0, 0, tonumber(count)
if always ~= '1' and redis.call('EXISTS', lows) == 1 and (waits(ready, group) or waits(stream, group)) then
most = 0
end
for _ = 1, math.ceil(most / STEP) do
local found = redis.call('ZRANGE', lows, 0, math.min(STEP, most - moved) - 1)
for _, member in ipairs(found) do
entry.put_ready(ready, low.entry(member) or { foreign = true, d = member })
redis.call('ZREM', lows, member)
moved, bytes = moved + 1, bytes + #member
end
if not found[STEP] or bytes >= MOST_BYTES then
break
end
end
return { moved, redis.call('EXISTS', lows) }`

const piece175 = `local of = places.open(held[1], held[2], ready, most)
local wrong = typed(dead, 'stream') or typed(ready, 'stream') or places.wrong(of)
if wrong then
return wrong
end
local letter = entry.read_ready(dead, position)
if not letter then
return 0
end
if letter.q and places.first(of, letter.q) == 'x' .. position then
places.leave(of, letter.q, 'x' .. position, 1)
end
return redis.call('XDEL', dead, position)`

const piece176 = `local wrong = typed(stream, 'stream') or places ~= '' and typed(held[1], 'hash') or nil
if wrong then
return wrong
end
local all, lost = {}, {}
places = places ~= '' and cjson.decode(places) or {}
local nth = 0
for id in string.gmatch(ids, '%S+') do
local base = string.match(id, '^(.*)/')
if base then
nth = nth + 1
local value = expanded(redis.call('HGET', held[1], places[nth])) or ''
if not string.find(' ' .. value .. ' ', ' r' .. id .. ' ', 1, true) then
lost[#lost + 1] = id
base = nil
end
else
base = id
end
if base and base ~= all[#all] then
all[#all + 1] = base
end
end
if not all[1] then
return table.concat(lost, ' ')
end
local marked, ms = {}, math.floor(now / 1000)
local found = pending(stream, group, all, consumer)
for _, id in ipairs(all) do
local row = found[id]
if row then
local mark = started.mark(row, ms, starting == '1') or ''
marked[mark] = marked[mark] or {}
table.insert(marked[mark], id)
else
lost[#lost + 1] = id
end
end
for mark, mine in pairs(marked) do
if mark ~= '' then
mine[#mine + 1] = 'RETRYCOUNT'
mine[#mine + 1] = string.format('%.0f', mark)
end
mine[#mine + 1] = 'JUSTID'
redis.call('XCLAIM', stream, group, consumer, 0, unpack(mine))
end
return table.concat(lost, ' ')`

const piece177 = `local may = append.prepare(stream)
if may == false then
return -1
elseif may ~= true then
return may
end
if not redis.call('XRANGE', of[1], id, id)[1] then
stream.prepared = math.max(0, stream.prepared - 1)
return 0
end
local added = append.apply(stream, payload, '', '')
if type(added) == 'table' then
return added
end
stream.length = stream.length - 1
return redis.call('XDEL', of[1], id)`

const piece178 = `local wrong = typed(dead, 'stream') or typed(ready, 'stream') or typed(held[3], 'hash')
local places, of = placing(most, held[1], held[2], ready)
wrong = wrong or of and places.wrong(of)
if wrong then
return wrong
end
local delivery = entry.read_ready(dead, position)
if not delivery then
return 0
end
delivery.a = 0
if payload ~= '' then
delivery.d = payload
end
redis.call('HDEL', held[3], 'r' .. delivery.i)
local key = of and delivery.q
if not key then
entry.put_ready(ready, delivery)
elseif places.first(of, key) == 'x' .. position then
delivery.k = key
places.move(of, key, 'x' .. position, 'r' .. entry.put_ready(ready, delivery))
else
places.enter(of, key, delivery)
end
return redis.call('XDEL', dead, position)`

const piece179 = `local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(delayed, 'zset')
if wrong then
return wrong
end
make(stream, group, '0')
if discard == '1' then
redis.call('XGROUP', 'DESTROY', stream, group)
redis.call('UNLINK', ready, delayed)
make(stream, group, '0')
end
make(ready, group, '0')
local fields, info = redis.call('XINFO', 'STREAM', stream), {}
for at = 1, #fields, 2 do
info[fields[at]] = fields[at + 1]
end
if after == '$' then
after = info['last-generated-id']
end
local left, exact = undelivered(stream, after, false)
if exact == 1 then
local read = string.format('%.0f', info['entries-added'] - left)
redis.call('XGROUP', 'SETID', stream, group, after, 'ENTRIESREAD', read)
else
redis.call('XGROUP', 'SETID', stream, group, after)
end
make(stream, WAKE, '$')
redis.call('XGROUP', 'DESTROY', stream, WAKE)
redis.pcall('SPUBLISH', channel, 'n')
local again = pending(ready, group)
local waiting = redis.call('XLEN', ready) - again
return { left, exact, waiting, pending(stream, group) + again, redis.call('ZCARD', delayed) }`

const piece180 = `local schedule = { seen = nil, state = nil }
function schedule.seen(schedules, due, id)
local revision = redis.call('HGET', schedules, 'r' .. id)
if not revision then
return nil
end
local at = redis.call('ZSCORE', due, id)
return revision .. ' ' .. (at or '-'), tonumber(at or nil)
end
function schedule.state(schedules, due, id)
local found = redis.call('HMGET', schedules, 'd' .. id, 'p' .. id, 'a' .. id, 'l' .. id, 'e' .. id)
return {
id,
found[1] or '',
schedule.seen(schedules, due, id) or '',
found[2] or '',
found[3] or '',
found[4] or '',
found[5] or '',
}
end`

const piece181 = `local wrong = typed(schedules, 'hash') or typed(due, 'zset')
if wrong then
return wrong
end
local ms = math.floor(now / 1000)
if redis.call('HGET', schedules, 'r' .. id) then
return { ms, schedule.state(schedules, due, id) }
end
return { ms }`

const piece182 = `local wrong = typed(schedules, 'hash') or typed(due, 'zset') or typed(ids, 'zset')
if wrong then
return wrong
end
redis.call('ZREM', due, id)
redis.call('ZREM', ids, id)
return redis.call('HDEL', schedules, 'r' .. id, 'd' .. id, 'p' .. id, 'a' .. id, 'l' .. id, 'e' .. id) > 0 and 1 or 0`

const piece183 = `local stream, schedules, due = all[1], all[2], all[3]
local wrong = typed(stream, 'stream') or typed(schedules, 'hash') or typed(due, 'zset')
local list = {}
for group in string.gmatch(names, '%S+') do
local at = 5 + #list / 3 * 2
wrong = wrong or typed(all[at], 'stream') or typed(all[at + 1], 'zset')
list[#list + 1], list[#list + 2], list[#list + 3] = group, all[at], all[at + 1]
end
local places_at = 5 + #list / 3 * 2
local log = streams[stream] or append.open({ stream, unpack(all, places_at, places_at + 2) }, 1, limits)
streams[stream] = log
wrong = wrong or append.wrong(log)
if wrong then
return wrong
end
local is, at = schedule.seen(schedules, due, id)
if not is then
return 'gone'
end
if seen ~= '' and is ~= seen then
return 'stale'
end
if seen ~= '' and (not at or at > now / 1000) then
return 'early'
end
local outcome
if payload == '' then
outcome = 'missed'
elseif names ~= '' then
local last = redis.call('HGET', schedules, 'e' .. id)
if last and string.match(last, '^%d+%-%d+$') then
local open = unfinished(stream, last, list) or name ~= '' and log.ordered.is_queued(log, name, last)
if open == 'groups' then
return open
end
outcome = open and 'overlap' or nil
end
end
if not outcome then
local may = append.prepare(log)
if may ~= true then
return may or 'full'
end
local entry = append.apply(log, payload, '', name ~= '' and ' ' .. name or '')
if type(entry) == 'table' then
return entry
end
redis.call('HSET', schedules, 'e' .. id, entry)
outcome = '+' .. entry
end
if seen ~= '' then
redis.call('HSET', schedules, 'l' .. id, string.format('%.0f', at))
if next == '' then
redis.call('ZREM', due, id)
else
redis.call('ZADD', due, next, id)
end
end
return outcome`

const piece184 = `local reply = item({ unpack(KEYS, key + 1, key + each) }, ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4], ARGV[arg + 5], ARGV[arg + 6])`

const piece185 = `local schedules, due, ids = unpack(all)
local wrong = typed(schedules, 'hash') or typed(due, 'zset') or typed(ids, 'zset')
if wrong then
return wrong
end
local is = schedule.seen(schedules, due, id)
if (is or '') ~= seen then
return 0
end
if not is and redis.call('ZCARD', ids) >= MOST then
return -1
end
if definition ~= '' then
local revision = redis.call('HINCRBY', schedules, '#', 1)
redis.call('HSET', schedules, 'r' .. id, revision, 'd' .. id, definition, 'p' .. id, paused)
if next == '' then
redis.call('ZREM', due, id)
else
redis.call('ZADD', due, next, id)
end
redis.call('ZADD', ids, 0, id)
end
if declares ~= '' then
redis.call('HSET', schedules, 'a' .. id, string.format('%.0f', math.floor(now / 1000)))
end
return 1`

const piece186 = `local wrong = typed(schedules, 'hash') or typed(due, 'zset')
if wrong then
return wrong
end
local ms = math.floor(now / 1000)
local at = string.format('%.0f', ms)
local later = redis.call('ZRANGE', due, '(' .. at, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')[2]
local wait = later and math.min(tonumber(later) - ms, 8e15) or -1
local reply, bytes = { ms, redis.call('EXISTS', schedules), wait }, 0
for _, id in ipairs(redis.call('ZRANGE', due, '-inf', at, 'BYSCORE', 'LIMIT', skip, MOST)) do
local state = schedule.state(schedules, due, id)
bytes = bytes + #state[2]
reply[#reply + 1] = state
if bytes >= MOST_BYTES then
break
end
end
return reply`

const piece187 = `local wrong = typed(schedules, 'hash') or typed(due, 'zset') or typed(ids, 'zset')
if wrong then
return wrong
end
local first = after == '' and '-' or '(' .. after
local found = redis.call('ZRANGE', ids, first, '+', 'BYLEX', 'LIMIT', 0, count)
local reply, bytes = { math.floor(now / 1000), #found == tonumber(count) and 1 or 0 }, 0
for at, id in ipairs(found) do
local state = schedule.state(schedules, due, id)
bytes = bytes + #state[2]
reply[#reply + 1] = state
if bytes >= MOST_BYTES and at < #found then
reply[2] = 1
break
end
end
return reply`

const piece188 = `local wrong = typed(settled, 'string') or typed(stream, 'stream') or typed(ready, 'stream')
local places, of = placing(most, held[1], held[2], ready)
wrong = wrong or of and places.wrong(of)
if wrong then
return wrong
end
local last, reply = string.match(redis.call('GET', settled) or '', '^(%d+) (.*)$')
if last == number then
return reply
end
local lost = {}
moves = cjson.decode(moves)
local goals = { retrying = delayed, delayed = delayed, waiting = ready, dead = dead, done = held[3] }
local buries, keeps = false, false
for _, move in ipairs(moves) do
buries = buries or move[3] == 'dead'
keeps = keeps or move[3] == 'dead' or move[3] == 'done'
wrong = wrong or typed(goals[move[3]], TYPES[move[3]])
end
if keeps then
wrong = wrong or typed(held[3], 'hash') or typed(held[4], 'zset')
end
if wrong then
return wrong
end
local function keep_outcome(delivery, text)
keeping.outcome(held, channels, delivery, text)
end
local function base_of(id)
return of and string.match(id, '^[^/]*') or id
end
local function bases_of(ids)
local bases = {}
for _, id in ipairs(ids) do
local base = base_of(id)
if base ~= bases[#bases] then
bases[#bases + 1] = base
end
end
return bases
end
local function lose(prefix, id)
local base, first, last = string.match(id, '^([^/]*/)(%d+):(%d+)$')
for nth = first or 1, last or 1 do
lost[#lost + 1] = prefix .. (base and base .. nth or id)
end
end
local function leased(key, ids, prefix)
local runs = of and key == ready
local mine, found = {}, pending(key, group, runs and bases_of(ids) or ids, consumer)
for _, id in ipairs(ids) do
if found[runs and base_of(id) or id] then
mine[#mine + 1] = id
else
lose(prefix, id)
end
end
return mine
end
local function leave(key, ids)
if key == stream then
acknowledge(stream, group, declared, ids)
elseif of then
acknowledge(ready, group, group, ids)
else
redis.call('XACK', ready, group, unpack(ids))
redis.call('XDEL', ready, unpack(ids))
end
end
local function put(delivery, to, ms, kind, reason)
if to == 'dead' then
entry.put_dead(dead, delivery, group, kind, reason)
keep_outcome(delivery, 'x' .. kind .. ' ' .. reason)
elseif to == 'done' then
keep_outcome(delivery, reason)
elseif to == 'waiting' then
entry.put_ready(ready, delivery)
elseif to == 'delayed' then
entry.put_delayed(delayed, delivery, ms)
else
entry.put_delayed(delayed, delivery, math.ceil(now / 1000) + ms)
end
end
local function put_keyed(delivery, location, to, ms, kind, reason)
local place = delivery.k
local value = place and places.get(of, place)
if delivery.q then
entry.put_delayed(delayed, delivery, delivery.n or ms)
elseif places.run(location) and not places.is_in(value, location) then
return false
elseif to == 'waiting' then
places.give_back(of, delivery, location)
elseif places.follows(value, location) then
return false
elseif to == 'dead' then
places.bury(of, delivery, location, entry.put_dead(dead, delivery, group, kind, reason), stops == '1')
keep_outcome(delivery, 'x' .. kind .. ' ' .. reason)
elseif to == 'done' then
keep_outcome(delivery, reason)
places.leave(of, place, location, 1)
else
local due = to == 'delayed' and ms or math.ceil(now / 1000) + ms
entry.put_delayed(delayed, delivery, due)
places.move(of, place, location, places.later(due, delivery.i))
end
return true
end
local function finish_in_order(lists, theirs, run)
local names, left_of, touched = {}, {}, {}
for at, ids in ipairs(lists) do
for _, id in ipairs(ids) do
local name = theirs[at][id]
if name and not left_of[name] then
left_of[name] = true
names[#names + 1] = name
end
end
end
if not names[1] then
return lists
end
for nth, value in ipairs(redis.call('HMGET', of.busy, unpack(names))) do
left_of[names[nth]] = value
end
local left, waiting, behind, runs = { {}, {} }, {}, 0, {}
local function finish_one(at, id, base, wait)
local place = theirs[at][id]
if place and type(left_of[place]) ~= 'table' then
left_of[place] = places.list(left_of[place])
end
if not place or places.shift(left_of[place], (at == 1 and 'm' or 'r') .. id) then
left[at][#left[at] + 1] = base
if base ~= id then
behind = behind - 1
runs[base] = true
end
touched[place or ''] = true
else
wait(at, id)
end
end
local function finish(at, id, wait)
local place = theirs[at][id]
if place and left_of[place] == (at == 1 and 'm' or 'r') .. id then
left_of[place], touched[place] = NONE, true
local base, last = string.match(id, '^([^/]*)/1:(%d+)$')
left[at][#left[at] + 1] = base or base_of(id)
behind = behind - (last and last - 1 or 0)
return
end
local base, first, last = string.match(id, '^([^/]*)/(%d+):(%d+)$')
for nth = first or 1, last or 1 do
local each = base and base .. '/' .. nth or id
theirs[at][each] = place
finish_one(at, each, base or base_of(id), wait)
end
end
for at, ids in ipairs(lists) do
for _, id in ipairs(ids) do
finish(at, id, function(_, each)
waiting[#waiting + 1] = { at, each }
end)
end
end
for _, each in ipairs(waiting) do
finish(each[1], each[2], function(at, id)
lost[#lost + 1] = (at == 1 and '' or 'r') .. id
end)
end
if waiting[1] then
table.sort(left[2], earlier)
end
local stays = {}
local later = { busy = {}, free = {}, behind = 0 }
local queued, budget = redis.call('ZCARD', of.queued) > 0, MOST_PASSED_ON
for _, place in ipairs(names) do
if touched[place] then
local rest = left_of[place]
if rest ~= NONE and rest[rest.from] then
later.busy[#later.busy + 1] = place
later.busy[#later.busy + 1] = table.concat(rest, ' ', rest.from)
for at = rest.from, #rest do
stays[string.match(rest[at], '^r([^/]*)/') or ''] = true
end
elseif queued then
budget = budget - places.pass_on(of, place, budget > 0 and run or 1, later)
else
later.free[#later.free + 1] = place
end
end
end
local over = {}
for _, base in ipairs(left[2]) do
if base ~= over[#over] and not stays[base] then
over[#over + 1] = base
behind = behind + (runs[base] and 1 or 0)
end
end
later.behind = later.behind + behind
places.done(of, later)
return { left[1], over }
end
local of_stream, of_ready, places_stream, places_ready, run = unpack(cjson.decode(finished))
if of then
local theirs, lists = { {}, {} }, { of_stream, of_ready }
for at, names in ipairs({ places_stream, places_ready }) do
for nth, name in ipairs(names) do
theirs[at][lists[at][nth]] = name ~= '' and name or nil
end
end
local mine = {
of_stream[1] and leased(stream, of_stream, '') or of_stream,
of_ready[1] and leased(ready, of_ready, 'r') or of_ready,
}
mine = finish_in_order(mine, theirs, run)
for at, key in ipairs({ stream, ready }) do
if mine[at][1] then
leave(key, mine[at])
end
end
else
for key, ids in pairs({ [stream] = of_stream, [ready] = of_ready }) do
local mine = ids[1] and leased(key, ids, key == ready and 'r' or '') or ids
if mine[1] then
leave(key, mine)
end
end
end
for _, move in ipairs(moves) do
local from, id, to, attempts, fence, ms, kind, reason = unpack(move)
local key = from == 'r' and ready or stream
if leased(key, { id }, from == 'r' and 'r' or '')[1] then
local delivery = (key == ready and entry.read_ready or entry.read)(key, id)
local done = true
if delivery then
delivery.v = (to ~= 'retrying' or attempts == delivery.a) and delivery.v or nil
delivery.a, delivery.f = attempts, fence
if of and (delivery.k or delivery.q) then
done = put_keyed(delivery, from .. id, to, ms, kind, reason)
else
put(delivery, to, ms, kind, reason)
end
end
if done then
local base = base_of(id)
if base == id or not delivery or delivery.foreign or places.left(of, delivery.k, id) then
leave(key, { base })
end
else
lost[#lost + 1] = (from == 'r' and 'r' or '') .. id
end
end
end
if buries and keep ~= '0 0' then
keep_dead(dead, keep)
end
reply = table.concat(lost, ' ')
redis.call('SET', settled, number .. ' ' .. reply, 'EX', DAY)
return reply`

const piece189 = `local stream, ready, delayed, dead, paused, busy, queued, lows = unpack(of)
local here, again = find(stream, group), find(ready, group)
local oldest
local function consider(id)
local ms = id and tonumber(string.match(id, '%d+'))
if ms and (not oldest or ms < oldest) then
oldest = ms
end
end
local waiting, exact, next_up = undelivered(stream, here and here['last-delivered-id'] or '0-0', here and here.lag)
consider(next_up)
local pending, waiting_again = 0, redis.call('XLEN', ready)
if here and here.pending > 0 then
pending = here.pending
consider(redis.call('XPENDING', stream, group, '-', '+', 1)[1][1])
end
if again then
pending = pending + again.pending
waiting_again = math.max(0, waiting_again - again.pending)
end
local first = redis.call('XRANGE', ready, '-', '+', 'COUNT', 1)[1]
for at = 1, first and #first[2] or 0, 2 do
if first[2][at] == 'i' then
consider(first[2][at + 1])
elseif first[2][at] == 'm' then
consider(string.match(first[2][at + 1], '%z%u(%d+)'))
end
end
local queued_count = redis.call('ZCARD', queued)
if queued_count > 0 then
consider(string.match(redis.call('ZRANGE', queued, 0, 0)[1], '%z%u(%d+)'))
end
local info = redis.call('EXISTS', stream) == 1 and redis.call('XINFO', 'STREAM', stream) or {}
local added = 0
for at = 1, #info, 2 do
if info[at] == 'entries-added' then
added = info[at + 1]
end
end
local reply = {
here and 1 or 0,
added + (tonumber(redis.call('HGET', busy, '') or nil) or 0),
waiting,
exact,
waiting_again + redis.call('ZCARD', lows),
pending,
redis.call('ZCARD', delayed),
redis.call('XLEN', dead),
redis.call('EXISTS', paused),
oldest and math.max(0, math.floor(now / 1000) - oldest) or 0,
queued_count + (tonumber(redis.call('HGET', busy, '\\1') or nil) or 0),
}
for key, there in pairs({ [stream] = here, [ready] = again }) do
for _, fields in ipairs(there and redis.call('XINFO', 'CONSUMERS', key, group) or {}) do
local consumer = {}
for at = 1, #fields, 2 do
consumer[fields[at]] = fields[at + 1]
end
reply[#reply + 1] = { consumer.name, consumer.pending, consumer.idle }
end
end
return reply`

const piece190 = `local wrong = typed(stream, 'stream')
if wrong then
return wrong
end
local found, all = ids(stream, first, '+', STEP)
if not found[1] then
return nil
end
local missing = {}
for name in string.gmatch(declared, '%S+') do
missing[name] = true
end
for _, group in ipairs(groups(stream)) do
missing[group.name] = nil
if earlier(group['last-delivered-id'], found[1]) then
return nil
end
end
if next(missing) then
return nil
end
acknowledge(stream, '', declared, found)
return not all and '(' .. found[#found] or nil`

const piece191 = `local wrong = typed(index, 'zset')
if wrong then
return wrong
end
local first, others = string.match(tags, '^([^\\1]*)(.*)$')
local from = before == '' and first .. '\\2' or first .. '\\1' .. sortable(before)
local found, most = { '' }, tonumber(count)
local function has_others(place)
for tag in string.gmatch(others, '\\1([^\\1]+)') do
if not redis.call('ZSCORE', index, tag .. '\\1' .. place) then
return false
end
end
return true
end
local last
for _ = 1, ROUNDS do
local page = redis.call('ZRANGE', index, '(' .. from, '[' .. first .. '\\1', 'BYLEX', 'REV', 'LIMIT', 0, STEP)
for _, member in ipairs(page) do
local place = string.sub(member, #first + 2)
local ms, number = string.match(place, '^%a(%d+)%a(%d+)$')
if ms and has_others(place) then
if #found > most then
found[1] = found[#found]
return found
end
found[#found + 1] = ms .. '-' .. number
end
last = ms and ms .. '-' .. number or last
end
if #page < STEP then
return found
end
from = page[STEP]
end
found[1] = last or ''
return found`

const piece192 = `if wrong then
return wrong
end
local key, position = string.sub(where, 1, 1) == 'r' and ready or stream, string.sub(where, 2)
local base = held and string.match(position, '^[^/]*') or position
local cancelled, follows = find_in_place(place, where)
if cancelled or not is_leased(key, base) then
return 'l'
end
local plan, stop = limiting.prepare(limit, COST, 1, nil, own)
if plan then
return '+' .. limiting.apply(limit, plan)
elseif type(stop) ~= 'string' then
return stop
end
local text = string.sub(stop, 3)
local ms = delay_of(text, table.concat(own, ' '), behind, pace)
if follows then
return '=' .. string.format('%.0f', ms) .. ' ' .. text
end
local refused = missing_right()
if refused then
return refused
end
set_aside(key, where, position, base, used, fence, ms)
return '-' .. string.format('%.0f', ms) .. ' ' .. text`

const piece193 = `redis.call('SET', watched, 1, 'PX', lasts)
for channel in string.gmatch(channels, '%S+') do
redis.pcall('SPUBLISH', channel, '')
end
return 1`

const piece194 = `local wrong = typed(stream, 'stream') or typed(output, 'string')
if wrong then
return wrong
end
if not pending(stream, group, { position }, consumer)[position] then
return 0
end
local same = redis.call('GETRANGE', output, 0, HEAD - 1) == fence
local start = same and redis.call('STRLEN', output) - HEAD or 0
local size = start + #text
if size > MOST then
return -1
end
if same then
redis.call('APPEND', output, text)
redis.call('PEXPIRE', output, lasts)
else
redis.call('SET', output, fence .. text, 'PX', lasts)
end
redis.pcall('SPUBLISH', channels .. id, 'o' .. fence .. ' ' .. start .. ' ' .. text)
return size`

/**
 * Add to a counter within the floor and the ceiling of its object: count.lua for the common call.
 *
 * Invariant: as count.lua. All items of a call are checked and written together when no counter has open reservations; else each by
 * itself, by counting.lua.
 *
 * - shared keys `keys`: as count.lua
 * - shared `plan`: as count.lua, without a calendar
 * - `change`: "+name" to add 1 to a counter, "-name" to take 1, "=by name" to add any whole number
 * - replies integer: the new value, of a counter without open reservations; text: as count.lua, or "again": more had to be given back first
 * - on a full server refused: it may add counters
 */
export const guardAdd: Script<[keys: readonly string[], plan: Arg], [change: Arg], number | string> = {
  name: 'guard/add',
  sha: '2d3a3173ffdca4f8821d8a1f6f24e7ee0ce93108',
  batch: 128,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["change"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece2, piece3, piece4, `local keys = KEYS
local plan = ARGV[1]
local of = counters.open(keys, plan)
local values, floor, ceiling, initial = of.values, of.floor, of.ceiling, of.initial
local function parts(change)
local sign = string.byte(change)
if sign == 43 then
return string.sub(change, 2), 1
elseif sign == 45 then
return string.sub(change, 2), -1
end
local by, name = string.match(change, '^=(%-?%d+) (.*)$')
return name, tonumber(by)
end
local function together(changes)
if counters.ready(of) then
return nil
end
local names, amounts = {}, {}
for at = 1, #changes do
names[at], amounts[at] = parts(changes[at])
end
local texts = redis.pcall('HMGET', values, unpack(names))
if texts.err then
return nil
end
local set, place, replies = {}, {}, {}
for at = 1, #names do
local name, by = names[at], amounts[at]
local to = place[name]
local value = to and set[to]
if not value then
local text = texts[at]
value = text and tonumber(text) or not text and initial
if not value or value % 1 ~= 0 or value > 9007199254740991 or value < -9007199254740991 then
return nil
end
end
local after = value + by
if by < 0 and after < floor then
replies[at] = string.format('-\\n1 floor %.0f 0 0', value)
elseif by > 0 and after > ceiling then
replies[at] = string.format('-\\n1 ceiling %.0f 0 0', value)
else
if not to then
to = #set + 2
set[to - 1], place[name] = name, to
end
set[to] = after
replies[at] = (after > 9000000000000000 or after < -9000000000000000) and string.format('+\\n%.0f 0 0', after) or after
if of.followed ~= false then
counters.tell(of, by > 0 and '+' or '-', name)
end
end
end
local gone = {}
for at = #set, 2, -2 do
if set[at] == initial then
gone[#gone + 1] = set[at - 1]
set[at - 1], set[at] = set[#set - 1], set[#set]
set[#set], set[#set - 1] = nil, nil
end
end
if #set > 0 then
redis.call('HSET', values, unpack(set))
end
if #gone > 0 then
redis.call('HDEL', values, unpack(gone))
end
return replies
end
local items = (#ARGV - 1) / 1
if items == 1 then
local change = ARGV[2]
do`, piece5, `end
return nil
end
local function item(change)`, piece5, `end
local shared_replies = together({ unpack(ARGV, 2) })
if shared_replies then return shared_replies end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 1
done = done + 1
local reply = item(ARGV[arg + 1])`, piece6),
}

/**
 * Claim an id whose body must run once, renew the claim, or return the stored result.
 *
 * Invariant: at any moment of Redis' clock at most one claim is in force for a key. If the caller dies before its completion, the claim may
 * be taken over when its lease ends; after that its own completion is refused. If it dies after the completion, the result is stored.
 * A caller that got no answer asks again with its token and gets the claim.
 *
 * - shared `lease`: milliseconds until the claim may be taken over
 * - key `key`: string: the claim, or its result
 * - `token`: of the caller, different from any other
 * - `renew`: 1 to renew a claim, else 0
 * - replies "c": the claim is the caller's; "w" and milliseconds: another caller has it for so long; "l": it is no longer the caller's; "d" and the result, or "f" and the failure
 * - on a full server refused: it may add a claim
 */
export const guardClaim: Script<[lease: Arg], [key: string, token: Arg, renew: Arg], string> = {
  name: 'guard/claim',
  sha: 'a74efe008c987ff8cdffaa751cfc9ee06b1eaf4c',
  batch: 64,
  sharedKeys: false,
  shared: ["lease"],
  keys: ["key"],
  args: ["token","renew"],
  returns: 'string',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece7, `local lease = ARGV[1]
lease = tonumber(lease)
local items = #KEYS / 1
if items == 1 then
local key, token, renew = KEYS[1], ARGV[2], ARGV[3]
do`, piece8, `end
return nil
end
local function item(key, token, renew)`, piece8, `end
local replies, done = {}, 0
local own = #ARGV > 3 and 2 or 0
local function run()
while done < items do
local key = done * 1
local arg = 1 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Claim a request by its idempotency key, keep the claim, or learn what came of it. Completed by complete.lua.
 *
 * Invariant: as in claim.lua, and a key stands for one request: a caller with another fingerprint gets "x", whatever the state, and
 * changes nothing. The fingerprint is the end of the claim's token, and the beginning of what complete.lua stores.
 *
 * A process that dies before the completion leaves a claim that the same request takes over when its lease ends.
 *
 * - shared `lease`: milliseconds until the claim may be taken over
 * - key `key`: string: the claim, or what came of it
 * - `token`: of the caller, unlike any other's; ends with "/" and the fingerprint
 * - `mode`: "t" to try, "w" to try and wait for the result, "r" to keep a claim
 * - replies "c": the claim is the caller's; "w" and milliseconds: another caller's for so long; "l": no longer the caller's; "x": of another request; "d" or "f", the fingerprint and what was stored
 * - on a full server refused: it may add a claim
 */
export const guardClaimRequest: Script<[lease: Arg], [key: string, token: Arg, mode: Arg], string> = {
  name: 'guard/claim_request',
  sha: 'a289b0337aebb58a5594d9fd3071fe4bc20fd4be',
  batch: 16,
  sharedKeys: false,
  shared: ["lease"],
  keys: ["key"],
  args: ["token","mode"],
  returns: 'string',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece7, `local lease = ARGV[1]
lease = tonumber(lease)
local items = #KEYS / 1
if items == 1 then
local key, token, mode = KEYS[1], ARGV[2], ARGV[3]
do`, piece9, `end
return nil
end
local function item(key, token, mode)`, piece9, `end
local replies, done = {}, 0
local own = #ARGV > 3 and 2 or 0
local function run()
while done < items do
local key = done * 1
local arg = 1 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Complete a claim: store its result or its failure, or delete it; and notify waiting callers.
 *
 * Invariant: only the claim in force, or the last one while nobody took it over, is completed, and once. A caller that got no answer and
 * repeats the call finds no claim of its own and gets 0: it then reads the result (claim.lua). The message is published before the write,
 * which cannot be refused any more. When it is not delivered, a waiting caller asks at the end of the claim's lease.
 *
 * - shared `window`: milliseconds for which it is stored; 0 to delete it
 * - key `key`: string: the claim
 * - `live`: pub/sub channel of waiting callers; of the same slot
 * - `token`: of the claim
 * - `kind`: "d" with a result, "f" with a failure, "n" to let another caller try
 * - `result`: JSON, or the failure's message
 * - replies 1 when it was completed, 0 when the claim was taken over or completed before
 * - on a full server runs: the result must be stored, or the body runs again
 */
export const guardComplete: Script<[window: Arg], [key: string, live: Arg, token: Arg, kind: Arg, result: Arg], number> = {
  name: 'guard/complete',
  sha: 'db25fb2c35b8eda5429ec4db36129c8f92154b2c',
  batch: 32,
  sharedKeys: false,
  shared: ["window"],
  keys: ["key"],
  args: ["live","token","kind","result"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece7, `local window = ARGV[1]
local items = #KEYS / 1
if items == 1 then
local key, live, token, kind, result = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
do`, piece10, `end
return nil
end
local function item(key, live, token, kind, result)`, piece10, `end
local replies, done = {}, 0
local own = #ARGV > 5 and 4 or 0
local function run()
while done < items do
local key = done * 1
local arg = 1 + done * own
done = done + 1`, piece11, piece6),
}

/**
 * Change counters: all changes of an item, or none.
 *
 * Invariant: no counter goes below its floor or above its ceiling, with open reservations counted as made. All of an item is checked before
 * its first write, which is one HSET. A process that dies before or after the call leaves nothing half done. A caller that gets no answer
 * does not know the outcome: with an id (count_once.lua) it may ask again.
 *
 * - shared keys `keys`: counters, expiry of reservations, reservations; with a calendar those of the next period too
 * - shared `plan`: see lua/_lib/guard/counters.lua
 * - `changes`: a line "by floor ceiling name" for each change
 * - replies 0: call again, more had to be given back; more: the time, other periods are needed; text: "+" and the counters, or "-" and the refused changes
 * - on a full server refused: it may add counters
 */
export const guardCount: Script<[keys: readonly string[], plan: Arg], [changes: Arg], number | string> = {
  name: 'guard/count',
  sha: 'b0167f8e36d1dfcba4a16ce10db89610ea229162',
  batch: 64,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["changes"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece2, piece3, piece4, `local keys = KEYS
local plan = ARGV[1]
local of = counters.open(keys, plan)
local items = (#ARGV - 1) / 1
if items == 1 then
local changes = ARGV[2]
do
return counting.count(of, changes)
end
return nil
end
local function item(changes)
return counting.count(of, changes)
end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 1
done = done + 1
local reply = item(ARGV[arg + 1])`, piece6),
}

/**
 * Change counters as count.lua does, once for an id: the same id again gets the first answer.
 *
 * Invariant: an id's changes are made once while its answer is stored. Only a call that made its changes is stored, so a refused one
 * may be repeated. One script writes the changes and the answer: a crash cannot separate them.
 *
 * - shared keys `keys`: as count.lua
 * - shared `plan`: as count.lua
 * - shared `window`: milliseconds for which the answer is stored
 * - key `once`: string: the first answer
 * - `changes`: as count.lua
 * - replies as count.lua; "=" in place of "+" for the first answer again; "!" when the id had other changes
 * - on a full server refused: it may add counters, and stores the answer
 */
export const guardCountOnce: Script<[keys: readonly string[], plan: Arg, window: Arg], [once: string, changes: Arg], number | string> = {
  name: 'guard/count_once',
  sha: '574f60e61199338c12778f69ab439e506ffb6448',
  batch: 64,
  sharedKeys: true,
  shared: ["plan","window"],
  keys: ["once"],
  args: ["changes"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece2, piece3, piece4, `local keys = KEYS
local plan = ARGV[1]
local window = ARGV[2]
local of = counters.open(keys, plan)
local items = (#ARGV - 2) / 1
if items == 1 then
local once, changes = KEYS[#KEYS - items * 1 + 1], ARGV[3]
do
return counting.count_once(of, once, changes, window)
end
return nil
end
local function item(once, changes)
return counting.count_once(of, once, changes, window)
end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 1 + done * 1
local arg = 2 + done * 1
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1])`, piece6),
}

/**
 * Read counters. Expired reservations are given back first.
 *
 * - shared keys `keys`: as count.lua
 * - shared `plan`: as count.lua
 * - `names`: a line for each counter
 * - replies 0: call again; more: the time, other periods are needed; text: a line "value down up" for each counter
 * - on a full server runs: it gives back and forgets
 */
export const guardCounted: Script<[keys: readonly string[], plan: Arg], [names: Arg], number | string> = {
  name: 'guard/counted',
  sha: '14548eb07cda02f055525daab7e7147cbd463fad',
  batch: 64,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["names"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece2, `local keys = KEYS
local plan = ARGV[1]
local of = counters.open(keys, plan)
local items = (#ARGV - 1) / 1
if items == 1 then
local names = ARGV[2]
do`, piece12, `end
return nil
end
local function item(names)`, piece12, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 1
done = done + 1
local reply = item(ARGV[arg + 1])`, piece6),
}

/**
 * Give back expired reservations, for callers that wait, and say when the next one expires.
 *
 * - shared keys `keys`: as count.lua
 * - shared `plan`: as count.lua
 * - `most`: milliseconds to return at most
 * - replies 0: call again; more: the time, other periods are needed; text: milliseconds until the next one expires
 * - on a full server runs: it gives back and forgets
 */
export const guardExpire: Script<[keys: readonly string[], plan: Arg], [most: Arg], number | string> = {
  name: 'guard/expire',
  sha: 'f758b8bd565f6343cb155129f76964534dbc9b1f',
  batch: 64,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["most"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece2, `local keys = KEYS
local plan = ARGV[1]
local of = counters.open(keys, plan)
local items = (#ARGV - 1) / 1
if items == 1 then
local most = ARGV[2]
do`, piece13, `end
return nil
end
local function item(most)`, piece13, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 1
done = done + 1
local reply = item(ARGV[arg + 1])`, piece6),
}

/**
 * Change counters, or reserve changes, with a fence token: refused when a later holder wrote.
 *
 * Invariant: as count.lua, count_once.lua and reserve.lua; and no write with a token follows one with a higher token. A refused call
 * leaves the stored token as it is.
 *
 * - shared keys `keys`: as count.lua
 * - shared `plan`: as count.lua
 * - shared `window`: as count_once.lua
 * - key `fence`: string: the highest token
 * - key `once`: string: the first answer; the key of the fence when the call has no id
 * - `token`: of the caller's lease
 * - `changes`: as count.lua
 * - `id`: of the reservation; empty for a change
 * - `lasts`: milliseconds until the reservation expires
 * - replies as count.lua, count_once.lua or reserve.lua; "f" and the highest token
 * - on a full server refused: it may add counters
 */
export const guardFencedCount: Script<[keys: readonly string[], plan: Arg, window: Arg], [fence: string, once: string, token: Arg, changes: Arg, id: Arg, lasts: Arg], number | string> = {
  name: 'guard/fenced_count',
  sha: '9e8c2a9064c9a66cc9d803af3ce7213877666fb1',
  batch: 64,
  sharedKeys: true,
  shared: ["plan","window"],
  keys: ["fence","once"],
  args: ["token","changes","id","lasts"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece2, piece3, piece4, piece14, piece15, `local keys = KEYS
local plan = ARGV[1]
local window = ARGV[2]
local of = counters.open(keys, plan)
local function made(fence, once, changes, id, lasts)
if id ~= '' then
return reserving.reserve(of, changes, id, tonumber(lasts))
end
if once ~= fence then
return counting.count_once(of, once, changes, window)
end
return counting.count(of, changes)
end
local items = (#ARGV - 2) / 4
if items == 1 then
local fence, once, token, changes, id, lasts = KEYS[#KEYS - items * 2 + 1], KEYS[#KEYS - items * 2 + 2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
do`, piece16, `end
return nil
end
local function item(fence, once, token, changes, id, lasts)`, piece16, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 2 + done * 2
local arg = 2 + done * 4
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4])`, piece6),
}

/**
 * Read values that were written with a fence token.
 *
 * - key `value`: string: the token, a space, and the value
 * - replies the token, a space, and the value
 */
export const guardFencedRead: Script<[], [value: string], string | null> = {
  name: 'guard/fenced_read',
  sha: 'fe6bd2fbb5ac96090ac96f2e2c48efc1d23401b3',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["value"],
  args: [],
  returns: 'string|null',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local items = #KEYS / 1
if items == 1 then
local value = KEYS[1]
do
return redis.call('GET', value)
end
return nil
end
local function item(value)
return redis.call('GET', value)
end
local replies, done = {}, 0
local function run()
while done < items do
local key = done * 1
done = done + 1
local reply = item(KEYS[key + 1])`, piece6),
}

/**
 * Commit or cancel a reservation with a fence token: refused when a later holder wrote.
 *
 * Invariant: as settle.lua and fenced_count.lua.
 *
 * - shared keys `keys`: as settle.lua
 * - shared `plan`: as settle.lua
 * - shared `periods`: 1, or 2 with a calendar
 * - key `fence`: string: the highest token
 * - `token`: of the caller's lease
 * - `id`: as settle.lua
 * - `how`: as settle.lua
 * - replies as settle.lua; "f" and the highest token
 * - on a full server runs: as settle.lua; the token is a few bytes
 */
export const guardFencedSettle: Script<[keys: readonly string[], plan: Arg, periods: Arg], [fence: string, token: Arg, id: Arg, how: Arg], number | string> = {
  name: 'guard/fenced_settle',
  sha: 'e6e8fafa8e27a5c97363fdf75072dcdea27b9694',
  batch: 64,
  sharedKeys: true,
  shared: ["plan","periods"],
  keys: ["fence"],
  args: ["token","id","how"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece2, piece14, piece3, piece4, piece15, `local keys = KEYS
local plan = ARGV[1]
local periods = ARGV[2]
local of = counters.open(keys, plan)
local later = periods == '2' and counters.open({ keys[4], keys[5], keys[6] }, plan)
local items = (#ARGV - 2) / 3
if items == 1 then
local fence, token, id, how = KEYS[#KEYS - items * 1 + 1], ARGV[3], ARGV[4], ARGV[5]
do`, piece17, `end
return nil
end
local function item(fence, token, id, how)`, piece17, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 1 + done * 1
local arg = 2 + done * 3
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`, piece6),
}

/**
 * Write a value with a fence token: refused when a later holder wrote.
 *
 * Invariant: no write with a token follows one with a higher token. Token and value are written by one script.
 *
 * - key `fence`: string: the highest token
 * - key `value`: string: the token, a space, and the value
 * - `token`: of the caller's lease
 * - `text`: the value
 * - `lasts`: milliseconds until it expires
 * - replies "+", or "f" and the highest token
 * - on a full server refused: it stores a value
 */
export const guardFencedWrite: Script<[], [fence: string, value: string, token: Arg, text: Arg, lasts: Arg], string> = {
  name: 'guard/fenced_write',
  sha: '1b010486d95a94fe16d1c2ecbe5eb97b6ad2c911',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["fence","value"],
  args: ["token","text","lasts"],
  returns: 'string',
  text: /* @__PURE__ */ lines(`#!lua`, piece14, `local items = #KEYS / 2
if items == 1 then
local fence, value, token, text, lasts = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3]
do`, piece18, `end
return nil
end
local function item(fence, value, token, text, lasts)`, piece18, `end
local replies, done = {}, 0
local own = #ARGV > 3 and 3 or 0
local function run()
while done < items do
local key = done * 2
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`, piece6),
}

/**
 * Release a lock of another holder, and offer it to the first that waits.
 *
 * Invariant: only the lease with this fence is ended, so of two callers who read the same state one ends it, and a newer lease stays. Its
 * holder notices at its next renewal. A process that dies before the call leaves everything as it was.
 *
 * - shared `channel`: as lock.lua
 * - shared `claim`: as lock.lua
 * - key `lock`: as lock.lua
 * - key `queue`: as lock.lua
 * - `fence`: of the lease
 * - replies 1 if the lease was in force, else 0
 * - on a full server runs: it frees a lock
 */
export const guardForceUnlock: Script<[channel: Arg, claim: Arg], [lock: string, queue: string, fence: Arg], number> = {
  name: 'guard/force_unlock',
  sha: '360b55afc834871ed2169d45c9ad78e368efa9ab',
  batch: 16,
  sharedKeys: false,
  shared: ["channel","claim"],
  keys: ["lock","queue"],
  args: ["fence"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece19, piece20, piece21, `local channel = ARGV[1]
local claim = ARGV[2]
local of = locking.open(nil, channel, 0, claim)
local items = #KEYS / 2
if items == 1 then
local lock, queue, fence = KEYS[1], KEYS[2], ARGV[3]
do`, piece22, `end
return nil
end
local function item(lock, queue, fence)`, piece22, `end
local replies, done = {}, 0
local own = #ARGV > 3 and 1 or 0
local function run()
while done < items do
local key = done * 2
local arg = 2 + done * own
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1])`, piece6),
}

/**
 * Delete the stored result of a run. A run in progress goes on.
 *
 * - key `key`: string: the claim, or its result
 * - replies 1 if a result was stored
 * - on a full server runs: it deletes
 */
export const guardForget: Script<[], [key: string], number> = {
  name: 'guard/forget',
  sha: '0f6caee239e410039e471776e03efebd8fcdb902',
  batch: 128,
  sharedKeys: false,
  shared: [],
  keys: ["key"],
  args: [],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local items = #KEYS / 1
if items == 1 then
local key = KEYS[1]
do`, piece23, `end
return nil
end
local function item(key)`, piece23, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = done * 1
done = done + 1
local reply = item(KEYS[key + 1])`, piece6),
}

/**
 * Take a lock, or wait in its queue.
 *
 * The invariants are in lua/_lib/guard/locking.lua. The moments at which a process may die:
 * - Before the call: nothing happened. After it, before the answer: the lease ends by itself; a living caller asks again with the same
 *   ticket and gets the lock.
 * - With the lock: the lease ends; the first waiting caller has a timer for that moment and asks.
 * - While it waits: nobody follows its channel, so its ticket is removed when it would be next.
 * - With an offer: the offer ends, and the second waiting caller, which was notified, asks. A process that was paused meanwhile asks when it
 *   goes on, and learns that another has the lock: an offer is no lease.
 * - The first and the second: every other waiting caller asks when the lease that it knows of would have ended.
 *
 * - shared keys `keys`: string: the last fence of the space
 * - shared `channel`: the beginning of the pub/sub channels of processes
 * - shared `lease`: milliseconds of a lease
 * - shared `label`: the name of holders
 * - shared `claim`: milliseconds of an offer
 * - key `lock`: string: the lease or the offer
 * - key `queue`: sorted set: tickets
 * - `asked`: "ticket" not to wait; "ticket order": "-" not to wait, "+" for a new ticket, else the ticket's order; then another label, if any
 * - replies the fence; or "milliseconds order": ask again after that time, or when notified
 * - on a full server refused: it may add a lock or a ticket
 */
export const guardLock: Script<[keys: readonly string[], channel: Arg, lease: Arg, label: Arg, claim: Arg], [lock: string, queue: string, asked: Arg], number | string> = {
  name: 'guard/lock',
  sha: '11ec2500eb479334f1cdfb3dc2093751e6d3c349',
  batch: 100,
  sharedKeys: true,
  shared: ["channel","lease","label","claim"],
  keys: ["lock","queue"],
  args: ["asked"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece19, piece20, piece21, piece24, `local keys = KEYS
local channel = ARGV[1]
local lease = ARGV[2]
local label = ARGV[3]
local claim = ARGV[4]
local of = locking.open(keys[1], channel, lease, claim)
local function together(places, tickets)
return free_locks.ask(of, places, tickets, label)
end
local items = (#ARGV - 4) / 1
if items == 1 then
local lock, queue, asked = KEYS[#KEYS - items * 2 + 1], KEYS[#KEYS - items * 2 + 2], ARGV[5]
do
return locking.ask(of, { lock, queue }, asked, label)
end
return nil
end
local function item(lock, queue, asked)
return locking.ask(of, { lock, queue }, asked, label)
end
local shared_replies = together({ unpack(KEYS, #KEYS - items * 2 + 1) }, { unpack(ARGV, 5) })
if shared_replies then return shared_replies end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 2 + done * 2
local arg = 4 + done * 1
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1])`, piece6),
}

/**
 * Take several locks, all or none, or wait in the queues of all.
 *
 * Invariant and dangerous moments: as lock.lua. A caller with offers of some of the locks keeps them until the others should be free; when
 * it dies, the offers end by themselves.
 *
 * - shared `channel`: as lock.lua
 * - shared `lease`: as lock.lua
 * - shared `label`: as lock.lua
 * - shared `claim`: as lock.lua
 * - key `all`: the last fence of the space, then lock and queue of each
 * - `asked`: as lock.lua
 * - replies as lock.lua
 * - on a full server refused: it may add locks or tickets
 */
export const guardLockAll: Script<[channel: Arg, lease: Arg, label: Arg, claim: Arg], [...all: string[], asked: Arg], number | string> = {
  name: 'guard/lock_all',
  sha: 'b9da300b4b7dbb4a7cff4293a2c65b3a6e58bfc4',
  batch: 16,
  sharedKeys: false,
  shared: ["channel","lease","label","claim"],
  keys: ["all"],
  manyKeys: true,
  args: ["asked"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece19, piece20, piece21, `local channel = ARGV[1]
local lease = ARGV[2]
local label = ARGV[3]
local claim = ARGV[4]
local of = locking.open(nil, channel, lease, claim)
local items = (#ARGV - 4) / 1
if items == 1 then
local all, asked = KEYS, ARGV[5]
do
of.fences.key = all[1]
return locking.ask(of, { unpack(all, 2) }, asked, label)
end
return nil
end
local function item(all, asked)
of.fences.key = all[1]
return locking.ask(of, { unpack(all, 2) }, asked, label)
end
local replies, done = {}, 0
local each = #KEYS / items
local function run()
while done < items do
local key = done * each
local arg = 4 + done * 1
done = done + 1
local reply = item({ unpack(KEYS, key + 1, key + each) }, ARGV[arg + 1])`, piece6),
}

/**
 * Return the holder of a lock, and how many callers wait.
 *
 * - key `lock`: as lock.lua
 * - key `queue`: as lock.lua
 * - replies milliseconds of its lease, fence (0: offered) and label as text, empty ones where nobody has it; tickets in the queue
 */
export const guardLocked: Script<[], [lock: string, queue: string], readonly Reply[]> = {
  name: 'guard/locked',
  sha: 'ac6d80d93dd57cd3540929c06513d6f427530887',
  batch: 128,
  sharedKeys: false,
  shared: [],
  keys: ["lock","queue"],
  args: [],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local items = #KEYS / 2
if items == 1 then
local lock, queue = KEYS[1], KEYS[2]
do`, piece25, `end
return nil
end
local function item(lock, queue)`, piece25, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = done * 2
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2])`, piece6),
}

/**
 * Read objects.
 *
 * - key `object`: hash
 * - replies fields and values, in turn
 */
export const guardObjectRead: Script<[], [object: string], readonly Reply[]> = {
  name: 'guard/object_read',
  sha: 'ccd005e9b663be9b66362a1ba5629ca8d80c40be',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["object"],
  args: [],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local items = #KEYS / 1
if items == 1 then
local object = KEYS[1]
do
return redis.call('HGETALL', object)
end
return nil
end
local function item(object)
return redis.call('HGETALL', object)
end
local replies, done = {}, 0
local function run()
while done < items do
local key = done * 1
done = done + 1
local reply = item(KEYS[key + 1])`, piece6),
}

/**
 * Delete an object.
 *
 * - key `object`: hash
 * - key `fence`: as object_write.lua
 * - `version`: as object_write.lua
 * - `token`: as object_write.lua
 * - replies "+version" that was deleted, 0 when there was none; or why not
 * - on a full server runs: it deletes; a token is a few bytes
 */
export const guardObjectRemove: Script<[], [object: string, fence: string, version: Arg, token: Arg], string> = {
  name: 'guard/object_remove',
  sha: 'e0d54737fa8adbb6bd9e1a50df681d4296444080',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["object","fence"],
  args: ["version","token"],
  returns: 'string',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece14, `local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece26, `local items = #KEYS / 2
if items == 1 then
local object, fence, version, token = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
do`, piece27, `end
return nil
end
local function item(object, fence, version, token)`, piece27, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 2
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Write an object: some of its fields, or all of them.
 *
 * Invariant: it is written whole or not at all, only over the version that the caller saw (if it names one), and with a token only when no
 * higher token wrote. A caller that gets no answer reads the version: its own write has a version that it did not see.
 *
 * - shared `ttl`: milliseconds after its last write until it expires; 0 for never
 * - key `object`: hash
 * - key `fence`: string: the highest fence token; the object's own key when the call has none
 * - `ops`: JSON, see lua/_lib/guard/objects.lua
 * - `whole`: 1 to replace all fields
 * - `version`: that it must have; empty for any, 0 for none
 * - `token`: of the caller's lease; empty for none
 * - `lasts`: milliseconds until the fields expire that it sets; 0 for never
 * - replies "+version" and a line for each incremented field; "f" and the highest token; "u": the server cannot expire fields; or why not
 * - on a full server refused: it may grow
 */
export const guardObjectWrite: Script<[ttl: Arg], [object: string, fence: string, ops: Arg, whole: Arg, version: Arg, token: Arg, lasts: Arg], string> = {
  name: 'guard/object_write',
  sha: '79b29bd3d29bd8595668f64a5f08e4aa2084d8cb',
  batch: 32,
  sharedKeys: false,
  shared: ["ttl"],
  keys: ["object","fence"],
  args: ["ops","whole","version","token","lasts"],
  returns: 'string',
  text: /* @__PURE__ */ lines(`#!lua`, piece14, `local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece26, `local ttl = ARGV[1]
ttl = tonumber(ttl)
local items = #KEYS / 2
if items == 1 then
local object, fence, ops, whole, version, token, lasts = KEYS[1], KEYS[2], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
do`, piece28, `end
return nil
end
local function item(object, fence, ops, whole, version, token, lasts)`, piece28, `end
local replies, done = {}, 0
local own = #ARGV > 6 and 5 or 0
local function run()
while done < items do
local key = done * 2
local arg = 1 + done * own
done = done + 1`, piece29, piece6),
}

/**
 * Take permits of a semaphore, or wait for them.
 *
 * The invariants are in lua/_lib/guard/permits.lua, the moments at which a process may die in lock.lua: they are the same.
 *
 * - shared keys `keys`: string: the last fence of the space
 * - shared `channel`: the beginning of the pub/sub channels of processes
 * - shared `size`: permits that there are
 * - shared `lease`: milliseconds of a lease
 * - shared `claim`: milliseconds of an offer
 * - key `held`: sorted set: tickets that have permits, by the end of their lease
 * - key `extra`: string: the permits of those tickets beyond one each
 * - key `queue`: sorted set: tickets that wait
 * - `ticket`: "process:number" or "process:number:permits"
 * - `order`: "-" not to wait, "+" for a new ticket, else the ticket's order
 * - replies the fence; or "milliseconds order": ask again after that time, or when notified
 * - on a full server refused: it may add a lease or a ticket
 */
export const guardPermit: Script<[keys: readonly string[], channel: Arg, size: Arg, lease: Arg, claim: Arg], [held: string, extra: string, queue: string, ticket: Arg, order: Arg], number | string> = {
  name: 'guard/permit',
  sha: '3820a76e09f942b93aa448504095d1b09be8e5e1',
  batch: 32,
  sharedKeys: true,
  shared: ["channel","size","lease","claim"],
  keys: ["held","extra","queue"],
  args: ["ticket","order"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece19, piece20, piece30, `local keys = KEYS
local channel = ARGV[1]
local size = ARGV[2]
local lease = ARGV[3]
local claim = ARGV[4]
local of = permits.open(keys[1], channel, size, lease, claim)
local items = (#ARGV - 4) / 2
if items == 1 then
local held, extra, queue, ticket, order = KEYS[#KEYS - items * 3 + 1], KEYS[#KEYS - items * 3 + 2], KEYS[#KEYS - items * 3 + 3], ARGV[5], ARGV[6]
do
return permits.ask(of, held, extra, queue, ticket, order)
end
return nil
end
local function item(held, extra, queue, ticket, order)
return permits.ask(of, held, extra, queue, ticket, order)
end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 3 + done * 3
local arg = 4 + done * 2
done = done + 1`, piece31, piece6),
}

/**
 * Return how many permits are taken, and how many callers wait.
 *
 * - key `held`: as permit.lua
 * - key `queue`: as permit.lua
 * - replies permits that are taken or offered; tickets in the queue
 */
export const guardPermitted: Script<[], [held: string, queue: string], readonly number[]> = {
  name: 'guard/permitted',
  sha: '8ad95e2e280dcbcc0276444c1794d8cc0a04580c',
  batch: 128,
  sharedKeys: false,
  shared: [],
  keys: ["held","queue"],
  args: [],
  returns: 'integers',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local MOST = 1000
local items = #KEYS / 2
if items == 1 then
local held, queue = KEYS[1], KEYS[2]
do`, piece32, `end
return nil
end
local function item(held, queue)`, piece32, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = done * 2
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2])`, piece6),
}

/**
 * Renew the lease of a lock.
 *
 * Invariant: a lease that ended is not renewed, even when nobody took the lock since: its holder may know already that it ended.
 *
 * - shared `lease`: milliseconds
 * - key `lock`: as lock.lua
 * - `owner`: as lock.lua
 * - replies 1 if it was renewed, 0 if it ended
 * - on a full server runs: work that goes on depends on it; it adds nothing
 */
export const guardRelock: Script<[lease: Arg], [lock: string, owner: Arg], number> = {
  name: 'guard/relock',
  sha: '1cfe4dfcf8e9b19ba1718ce9f2201f8d3d0b0130',
  batch: 64,
  sharedKeys: false,
  shared: ["lease"],
  keys: ["lock"],
  args: ["owner"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece19, piece20, piece21, `local lease = ARGV[1]
lease = tonumber(lease)
local items = #KEYS / 1
if items == 1 then
local lock, owner = KEYS[1], ARGV[2]
do
return locking.renew(lock, owner, lease)
end
return nil
end
local function item(lock, owner)
return locking.renew(lock, owner, lease)
end
local replies, done = {}, 0
local own = #ARGV > 2 and 1 or 0
local function run()
while done < items do
local key = done * 1
local arg = 1 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1])`, piece6),
}

/**
 * Renew the lease of permits. A lease that ended is not renewed.
 *
 * - shared `lease`: milliseconds
 * - key `held`: as permit.lua
 * - `ticket`: as permit.lua
 * - replies 1 if it was renewed, 0 if it ended
 * - on a full server runs: work that goes on depends on it; it adds nothing
 */
export const guardRepermit: Script<[lease: Arg], [held: string, ticket: Arg], number> = {
  name: 'guard/repermit',
  sha: '4f7710f3efbb3a2b8c15869b0f5451fc5b4b8b32',
  batch: 64,
  sharedKeys: false,
  shared: ["lease"],
  keys: ["held"],
  args: ["ticket"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece19, piece20, piece30, `local lease = ARGV[1]
local of = permits.open(nil, nil, 0, lease, 0)
local items = #KEYS / 1
if items == 1 then
local held, ticket = KEYS[1], ARGV[2]
do
return permits.renew(of, held, ticket)
end
return nil
end
local function item(held, ticket)
return permits.renew(of, held, ticket)
end
local replies, done = {}, 0
local own = #ARGV > 2 and 1 or 0
local function run()
while done < items do
local key = done * 1
local arg = 1 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1])`, piece6),
}

/**
 * Reserve changes of counters for a time, all of an item or none.
 *
 * Invariant: a reserved change counts against floor and ceiling until the reservation is committed, cancelled or expires. Then it is a
 * change that was made, or nothing. One script writes the sums in the counters and the record of the reservation. If the process
 * dies after it, the reservation expires, and the next call on these counters gives it back.
 *
 * - shared keys `keys`: as count.lua
 * - shared `plan`: as count.lua
 * - `changes`: as count.lua
 * - `id`: of the reservation
 * - `lasts`: milliseconds until it expires; negative when no other reservation has the id
 * - replies as count.lua; "=" and the state of the reservation that has the id
 * - on a full server refused: it may add counters, and stores the reservation
 */
export const guardReserve: Script<[keys: readonly string[], plan: Arg], [changes: Arg, id: Arg, lasts: Arg], number | string> = {
  name: 'guard/reserve',
  sha: 'af8fbd627106e88c5915276a944f2af1718dd24a',
  batch: 128,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["changes","id","lasts"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece2, piece3, piece4, piece15, `local keys = KEYS
local plan = ARGV[1]
local of = counters.open(keys, plan)
local function names_of(values)
local names, seen = {}, {}
for at = 1, #values, 3 do
for name in string.gmatch(values[at], '%-?%d+ %S+ %S+ ([^\\n]+)') do
if not seen[name] then
seen[name] = true
names[#names + 1] = name
end
end
end
return names
end
local scores = {}
local function reserve_one(changes, id, lasts)
local by, name = string.match(changes, '^(%-?%d+) %- %- ([^\\n]+)$')
if not by or string.byte(lasts) ~= 45 then
return nil
end
local amount, state = tonumber(by), of.states[name]
local value, down, up = state[1], state[2], state[3]
if amount < 0 and value + down + amount < of.floor then
return string.format('-\\n1 floor %.0f %.0f %.0f', value, down, up)
end
if amount > 0 and value + up + amount > of.ceiling then
return string.format('-\\n1 ceiling %.0f %.0f %.0f', value, down, up)
end
if amount < 0 then
down = down + amount
else
up = up + amount
end
state[2], state[3] = down, up
of.changed[name], of.changed_records[id] = state, 'r\\n' .. by .. ' ' .. name
if not scores[lasts] then
scores[lasts] = string.format('%.0f', now - lasts * 1000)
counters.tell(of, 't', string.sub(lasts, 2))
end
local made = of.made
made[#made + 1] = scores[lasts]
made[#made + 1] = id
return string.format('+\\n%.0f %.0f %.0f', value, down, up)
end
local function together(values)
if counters.ready(of) or typed(of.reserved, 'hash') or counters.begin(of, names_of(values)) then
return nil
end
local replies = {}
for at = 1, #values, 3 do
local changes, id, lasts = values[at], values[at + 1], values[at + 2]
local reply = reserve_one(changes, id, lasts)
if not reply then
lasts = tonumber(lasts)
reply = reserving.reserve(of, changes, id, math.abs(lasts), lasts < 0)
end
replies[#replies + 1] = reply
end
counters.flush(of)
return replies
end
local items = (#ARGV - 1) / 3
if items == 1 then
local changes, id, lasts = ARGV[2], ARGV[3], ARGV[4]
do`, piece33, `end
return nil
end
local function item(changes, id, lasts)`, piece33, `end
local shared_replies = together({ unpack(ARGV, 2) })
if shared_replies then return shared_replies end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 3
done = done + 1
local reply = item(ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`, piece6),
}

/**
 * Store ids as seen; say which are new.
 *
 * Invariant: of all calls with an id within the window one learns that it is new, while the set is below its bound. Above it the oldest
 * ids are forgotten first. A process that dies after the call has stored ids that it will not handle: claim an id together with its
 * effect (one script), or run what must not be lost with `once`.
 *
 * - shared keys `keys`: sorted set: id by the millisecond at which it was seen
 * - shared `window`: milliseconds
 * - shared `most`: ids
 * - `ids`: a line for each id
 * - replies one id: 1 for a new one, else 0; several: "1" or "0" for each
 * - on a full server refused: it adds ids
 */
export const guardSee: Script<[keys: readonly string[], window: Arg, most: Arg], [ids: Arg], string | number> = {
  name: 'guard/see',
  sha: 'e9bcbbc9c173344180e8be57f4df7adf5492cac6',
  batch: 128,
  sharedKeys: true,
  shared: ["window","most"],
  keys: [],
  args: ["ids"],
  returns: 'string|integer',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local seeing = { open = nil, prepare = nil, apply = nil, trim = nil, see = nil }
local ms = math.floor(now / 1000)
local MOST_GONE = 128
function seeing.open(key, window, most)
return { key = key, window = tonumber(window), most = tonumber(most), trimmed = false, kept = false }
end
function seeing.prepare(of, id)
local score = redis.pcall('ZSCORE', of.key, id)
if type(score) == 'table' then
return score
end
return not score or tonumber(score) <= ms - of.window
end
function seeing.apply(of, id)
redis.call('ZADD', of.key, ms, id)
if not of.kept then
of.kept = true
redis.call('PEXPIRE', of.key, of.window)
end
end
function seeing.trim(of, added)
if of.trimmed then
return
end
of.trimmed = true
local over = redis.call('ZCARD', of.key) - of.most
local due = redis.call('ZCOUNT', of.key, '-inf', ms - of.window)
local count = math.min(math.max(MOST_GONE, 2 * (added or 0)), math.max(over, due))
if count > 0 then
redis.call('ZREM', of.key, unpack(redis.call('ZRANGE', of.key, 0, count - 1)))
end
end
function seeing.see(of, ids)
local scores = redis.pcall('ZMSCORE', of.key, unpack(ids))
if scores.err then
return scores
end
local answers, adds, seen = {}, {}, {}
local since, text = ms - of.window, string.format('%.0f', ms)
for at, id in ipairs(ids) do
local score = scores[at]
if seen[id] or score and tonumber(score) > since then
answers[at] = false
else
answers[at], seen[id] = true, true
adds[#adds + 1] = text
adds[#adds + 1] = id
end
end
if #adds > 0 then
redis.call('ZADD', of.key, unpack(adds))
redis.call('PEXPIRE', of.key, of.window)
seeing.trim(of, #adds / 2)
end
return answers
end
local keys = KEYS
local window = ARGV[1]
local most = ARGV[2]
local of = seeing.open(keys[1], window, most)
local function together(values)
local ids, counts = {}, {}
for at, lines in ipairs(values) do
if string.find(lines, '\\n', 1, true) then
local before = #ids
for id in string.gmatch(lines, '[^\\n]+') do
ids[#ids + 1] = id
end
counts[at] = #ids - before
else
ids[#ids + 1] = lines
end
end
local answers = seeing.see(of, ids)
if answers.err then
return nil
end
local replies, next_id = {}, 1
for at = 1, #values do
local count = counts[at]
if not count then
replies[at] = answers[next_id] and 1 or 0
next_id = next_id + 1
else
local all = {}
for nth = 1, count do
all[nth] = answers[next_id] and '1' or '0'
next_id = next_id + 1
end
replies[at] = table.concat(all)
end
end
return replies
end
local items = (#ARGV - 2) / 1
if items == 1 then
local ids = ARGV[3]
do`, piece34, `end
return nil
end
local function item(ids)`, piece34, `end
local shared_replies = together({ unpack(ARGV, 3) })
if shared_replies then return shared_replies end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 2 + done * 1
done = done + 1
local reply = item(ARGV[arg + 1])`, piece6),
}

/**
 * Commit or cancel a reservation of counters.
 *
 * Invariant: a reservation ends once. How it ended is stored, so a caller that got no answer may repeat the call: it gets the same answer
 * and changes nothing. An expired reservation cannot be committed: others may have taken its stock.
 *
 * - shared keys `keys`: counters, expiry of reservations, reservations; with a calendar those of the next period too, where it may be
 * - shared `plan`: as count.lua, without a calendar
 * - `id`: of the reservation
 * - `how`: "x" to cancel, "c" to commit; then a line "by name" for each counter of which another amount is committed
 * - replies 0: call again; "+": ended now; else how it ended before: "c", "x", "e" (expired), or "" when it is unknown; "!name": the amount exceeds the reserved one
 * - on a full server runs: it ends a reservation, and gives it back or makes it a change
 */
export const guardSettle: Script<[keys: readonly string[], plan: Arg], [id: Arg, how: Arg], number | string> = {
  name: 'guard/settle',
  sha: '204538c685bb31ec8e9c1952e22b16592d93bf73',
  batch: 128,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["id","how"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece2, piece3, piece4, piece15, `local keys = KEYS
local plan = ARGV[1]
local of = counters.open(keys, plan)
local later = keys[4] and counters.open({ keys[4], keys[5], keys[6] }, plan)
local score = string.format('%.0f', now + of.remember)
local function commit_one(id, how)
local record = of.records[id]
local by, name = string.match(how == 'c' and record or '', '^r\\n(%-?%d+) ([^\\n]+)$')
if not by then
return nil
end
by = tonumber(by)
local state = of.states[name]
state[1] = state[1] + by
if by < 0 then
state[2] = math.min(0, state[2] - by)
else
state[3] = math.max(0, state[3] - by)
end
of.changed[name], of.records[id], of.changed_records[id] = state, 'c', 'c'
local ended = of.ended
ended[#ended + 1] = score
ended[#ended + 1] = id
if of.followed ~= false then
counters.tell(of, by < 0 and '-' or '+', name)
end
return '+'
end
local function together(values)
if later or counters.ready(of) then
return nil
end
local ids = {}
for at = 1, #values, 2 do
ids[#ids + 1] = values[at]
end
if reserving.begin(of, ids) then
return nil
end
local replies = {}
for at = 1, #values, 2 do
local id, how = values[at], values[at + 1]
replies[#replies + 1] = commit_one(id, how) or reserving.finish(of, nil, id, how)
end
counters.flush(of)
return replies
end
local items = (#ARGV - 1) / 2
if items == 1 then
local id, how = ARGV[2], ARGV[3]
do
return reserving.finish(of, later, id, how)
end
return nil
end
local function item(id, how)
return reserving.finish(of, later, id, how)
end
local shared_replies = together({ unpack(ARGV, 2) })
if shared_replies then return shared_replies end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 2
done = done + 1
local reply = item(ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Release a lock, and offer it to the first that waits.
 *
 * Invariant: only the owner's record is deleted, so a holder whose lease has ended does not release another's lock. A process that dies
 * before the call leaves a lease that ends by itself; the same call again finds another's record or none, and does nothing.
 *
 * - shared `channel`: as lock.lua
 * - shared `claim`: as lock.lua
 * - key `lock`: as lock.lua
 * - key `queue`: as lock.lua
 * - `owner`: as lock.lua
 * - replies 1 if the lease was in force, else 0
 * - on a full server runs: it frees a lock
 */
export const guardUnlock: Script<[channel: Arg, claim: Arg], [lock: string, queue: string, owner: Arg], number> = {
  name: 'guard/unlock',
  sha: 'd7144b08791804e7d6d3fa01c118e7e5086071ac',
  batch: 100,
  sharedKeys: false,
  shared: ["channel","claim"],
  keys: ["lock","queue"],
  args: ["owner"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece19, piece20, piece21, piece24, `local channel = ARGV[1]
local claim = ARGV[2]
local of = locking.open(nil, channel, 0, claim)
local function together(places, owners)
return free_locks.release(places, owners)
end
local items = #KEYS / 2
if items == 1 then
local lock, queue, owner = KEYS[1], KEYS[2], ARGV[3]
do
return locking.release(of, lock, queue, owner)
end
return nil
end
local function item(lock, queue, owner)
return locking.release(of, lock, queue, owner)
end
local shared_replies = together({ unpack(KEYS, 1) }, { unpack(ARGV, 3) })
if shared_replies then return shared_replies end
local replies, done = {}, 0
local own = #ARGV > 3 and 1 or 0
local function run()
while done < items do
local key = done * 2
local arg = 2 + done * own
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1])`, piece6),
}

/**
 * Release permits, or stop waiting for them; offer free permits to waiting callers.
 *
 * Invariant: only the ticket's own permits are released, and once. A process that dies before it leaves a lease that ends by itself.
 *
 * - shared `channel`: as permit.lua
 * - shared `size`: as permit.lua
 * - shared `claim`: as permit.lua
 * - key `held`: as permit.lua
 * - key `extra`: as permit.lua
 * - key `queue`: as permit.lua
 * - `ticket`: as permit.lua
 * - `waits`: 1 when the ticket may be in the queue, else 0
 * - replies 1 if the lease was in force, else 0
 * - on a full server runs: it frees permits
 */
export const guardUnpermit: Script<[channel: Arg, size: Arg, claim: Arg], [held: string, extra: string, queue: string, ticket: Arg, waits: Arg], number> = {
  name: 'guard/unpermit',
  sha: '745bc6927f1bd83d0b28ed8d4abd1bb6fe173c22',
  batch: 32,
  sharedKeys: false,
  shared: ["channel","size","claim"],
  keys: ["held","extra","queue"],
  args: ["ticket","waits"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece19, piece20, piece30, `local channel = ARGV[1]
local size = ARGV[2]
local claim = ARGV[3]
local of = permits.open(nil, channel, size, 0, claim)
local items = #KEYS / 3
if items == 1 then
local held, extra, queue, ticket, waits = KEYS[1], KEYS[2], KEYS[3], ARGV[4], ARGV[5]
do`, piece35, `end
return nil
end
local function item(held, extra, queue, ticket, waits)`, piece35, `end
local replies, done = {}, 0
local own = #ARGV > 5 and 2 or 0
local function run()
while done < items do
local key = done * 3
local arg = 3 + done * own
done = done + 1`, piece31, piece6),
}

/**
 * Stop waiting for a lock: remove the ticket, and pass on what was offered to it, or granted to a call that got no answer.
 *
 * - shared `channel`: as lock.lua
 * - shared `claim`: as lock.lua
 * - key `lock`: as lock.lua
 * - key `queue`: as lock.lua
 * - `owner`: as lock.lua
 * - replies 1 if it had the lock, else 0
 * - on a full server runs: it frees a ticket
 */
export const guardUnqueue: Script<[channel: Arg, claim: Arg], [lock: string, queue: string, owner: Arg], number> = {
  name: 'guard/unqueue',
  sha: '06d62e39a83ef368b3b78a9000374eac49a64c24',
  batch: 64,
  sharedKeys: false,
  shared: ["channel","claim"],
  keys: ["lock","queue"],
  args: ["owner"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece19, piece20, piece21, `local channel = ARGV[1]
local claim = ARGV[2]
local of = locking.open(nil, channel, 0, claim)
local items = #KEYS / 2
if items == 1 then
local lock, queue, owner = KEYS[1], KEYS[2], ARGV[3]
do
return locking.leave(of, lock, queue, owner)
end
return nil
end
local function item(lock, queue, owner)
return locking.leave(of, lock, queue, owner)
end
local replies, done = {}, 0
local own = #ARGV > 3 and 1 or 0
local function run()
while done < items do
local key = done * 2
local arg = 2 + done * own
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1])`, piece6),
}

/**
 * Forget an id that was seen.
 *
 * - key `seen`: sorted set: id by the millisecond at which it was seen
 * - `id`: the id
 * - replies 1 if it was there
 * - on a full server runs: it deletes
 */
export const guardUnsee: Script<[], [seen: string, id: Arg], number> = {
  name: 'guard/unsee',
  sha: 'c6b51d9b21ce503bafa0cbde279b3f76f7510542',
  batch: 128,
  sharedKeys: false,
  shared: [],
  keys: ["seen"],
  args: ["id"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local items = #KEYS / 1
if items == 1 then
local seen, id = KEYS[1], ARGV[1]
do
return redis.pcall('ZREM', seen, id)
end
return nil
end
local function item(seen, id)
return redis.pcall('ZREM', seen, id)
end
local replies, done = {}, 0
local own = #ARGV > 1 and 1 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1])`, piece6),
}

/**
 * Count the entries of a group by state. It reads less than lua/stream/stats.lua, so that tools can list many streams.
 *
 * - key `of`: the stream; of the group ready, delayed, dead letters, the key that exists while it is paused, the two of places (lua/_lib/stream/places.lua), and entries of low priority (low.lua)
 * - `group`: group
 * - replies entries of the stream, waiting, 1 when that is exact, running, delayed, queued, dead, milliseconds for which it is paused (-1: without an end, -2: not), milliseconds since the oldest waiting, running or queued entry was added, workers that sent a command lately, consumers, entries added to the stream since it exists (-1: not known); then the names of all groups of the stream
 */
export const inspectGroup: Script<[], [...of: string[], group: Arg], readonly Reply[]> = {
  name: 'inspect/group',
  sha: '32dbf4cd0397153fb90ca01239bd7d9658a04d90',
  batch: 16,
  sharedKeys: false,
  shared: [],
  keys: ["of"],
  manyKeys: true,
  args: ["group"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece36, piece37, piece38, `local ALIVE_MS = 30000
local items = (#ARGV - 0) / 1
if items == 1 then
local of, group = KEYS, ARGV[1]
do`, piece39, `end
return nil
end
local function item(of, group)`, piece39, `end
local replies, done = {}, 0
local each = #KEYS / items
local function run()
while done < items do
local key = done * each
local arg = 0 + done * 1
done = done + 1
local reply = item({ unpack(KEYS, key + 1, key + each) }, ARGV[arg + 1])`, piece6),
}

/**
 * Remove all members of a board, or of one of its windows, previous periods and the next one included.
 *
 * It unlinks the keys, so that large ones cost no more. A process may die before or after the call.
 *
 * - shared keys `keys`: the windows' keys, data and stored ids, at the indexes in the plan
 * - shared `plan`: JSON, see lua/_lib/leaderboard/removal.lua; also `ids` and `idlog`
 * - `window`: the only window of the plan by name; empty for all, with the members' data and the ids of increments
 * - replies Redis' time, when it is outside of the periods that the client sent; else '+'
 * - on a full server runs: it frees memory; the markers that it adds are small
 */
export const leaderboardClear: Script<[keys: readonly string[], plan: Arg], [window: Arg], number | string> = {
  name: 'leaderboard/clear',
  sha: '77886541abfe35d23927a54c6b7ff1819f0b9a07',
  batch: 1,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["window"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece40, piece41, piece42, `local keys = KEYS
local plan = ARGV[1]
local config = cjson.decode(plan)
local function empty_log(window)
local last = redis.call('XREVRANGE', window.log, '+', '-', 'COUNT', 1)[1]
redis.call('UNLINK', window.log, window.gone, window.parts or window.log)
if last then
redis.call('XADD', window.log, last[1], 'm', '', 'b', '0')
redis.call('XDEL', window.log, last[1])
redis.call('PEXPIRE', window.log, math.ceil(window.last / 1000) + 3600000)
end
end
local items = (#ARGV - 1) / 1
if items == 1 then
local window = ARGV[2]
do`, piece43, `end
return nil
end
local function item(window)`, piece43, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 1
done = done + 1
local reply = item(ARGV[arg + 1])`, piece6),
}

/**
 * Store the declaration of a board, unless it contradicts the stored one.
 *
 * - key `declaration`: hash
 * - `fields`: JSON: a list of alternating names and values, which may not change
 * - `rest`: the settings that may change, as readable text
 * - `life`: milliseconds after which unused keys of the board have expired; 0 for never
 * - replies null when nothing differs; on a contradiction, without a write, the alternating names and stored values of the settings; else an empty name and the previous `rest`
 * - on a full server runs: reads wait for it; it takes a few hundred bytes for each board
 */
export const leaderboardDeclare: Script<[], [declaration: string, fields: Arg, rest: Arg, life: Arg], readonly Reply[] | null> = {
  name: 'leaderboard/declare',
  sha: '85776681afb51a1d44828e6a9d3cf20061b0498c',
  batch: 16,
  sharedKeys: false,
  shared: [],
  keys: ["declaration"],
  args: ["fields","rest","life"],
  returns: 'list|null',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece1, `local items = #KEYS / 1
if items == 1 then
local declaration, fields, rest, life = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
do`, piece44, `end
return nil
end
local function item(declaration, fields, rest, life)`, piece44, `end
local replies, done = {}, 0
local own = #ARGV > 3 and 3 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`, piece6),
}

/**
 * Delete a season.
 *
 * - key `seasons`: hash, see lua/leaderboard/end-season.lua
 * - key `ranking`: sorted set of the season
 * - key `distinct`: its different scores
 * - key `copy`: hash: the data of the season
 * - key `rewards`: hash: how far its rewards were given
 * - `id`: of the season
 * - replies 1 when there was one, else 0
 * - on a full server runs: it only deletes
 */
export const leaderboardDeleteSeason: Script<[], [seasons: string, ranking: string, distinct: string, copy: string, rewards: string, id: Arg], number> = {
  name: 'leaderboard/delete-season',
  sha: 'a203d4968e5bcab0d25b7644156b6b935262c683',
  batch: 1,
  sharedKeys: false,
  shared: [],
  keys: ["seasons","ranking","distinct","copy","rewards"],
  args: ["id"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local items = #KEYS / 5
if items == 1 then
local seasons, ranking, distinct, copy, rewards, id = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], ARGV[1]
do`, piece45, `end
return nil
end
local function item(seasons, ranking, distinct, copy, rewards, id)`, piece45, `end
local replies, done = {}, 0
local own = #ARGV > 1 and 1 or 0
local function run()
while done < items do
local key = done * 5
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], KEYS[key + 4], KEYS[key + 5], ARGV[arg + 1])`, piece6),
}

/**
 * Store data of a member, or delete them.
 *
 * - shared keys `keys`: hash of the members' data
 * - `member`: member
 * - `data`: JSON text; empty to delete
 * - replies 1
 * - on a full server refused: it may add data; removing the member deletes them
 */
export const leaderboardDescribe: Script<[keys: readonly string[]], [member: Arg, data: Arg], number> = {
  name: 'leaderboard/describe',
  sha: 'bb2ad623254dba6b0b0dfe7024aedd0993de87ad',
  batch: 64,
  sharedKeys: true,
  shared: [],
  keys: [],
  args: ["member","data"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua
local keys = KEYS
local items = (#ARGV - 0) / 2
if items == 1 then
local member, data = ARGV[1], ARGV[2]
do`, piece46, `end
return nil
end
local function item(member, data)`, piece46, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 0 + done * 2
done = done + 1
local reply = item(ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Read data of a member, which need not be on the board.
 *
 * - shared keys `keys`: hash of the members' data
 * - `member`: member
 * - replies JSON text
 */
export const leaderboardDescribed: Script<[keys: readonly string[]], [member: Arg], string | null> = {
  name: 'leaderboard/described',
  sha: '005b403c70415ec0bf1b736578f099e197da8b90',
  batch: 64,
  sharedKeys: true,
  shared: [],
  keys: [],
  args: ["member"],
  returns: 'string|null',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local keys = KEYS
local items = (#ARGV - 0) / 1
if items == 1 then
local member = ARGV[1]
do
return redis.call('HGET', keys[1], member)
end
return nil
end
local function item(member)
return redis.call('HGET', keys[1], member)
end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 0 + done * 1
done = done + 1
local reply = item(ARGV[arg + 1])`, piece6),
}

/**
 * End a season: the members and scores of a window become its final ranking, and the window is empty.
 *
 * Invariant: a season ends once, and nothing changes its ranking afterwards. The ranking is renamed, so that a large one costs no more, and
 * no update comes between the end of this season and the beginning of the next. A process may die before or after the call: with the
 * same id it does nothing more. Increments that the season counted cannot be undone in the window any more; a marker says so.
 *
 * - shared keys `keys`: the window's keys, and those of the season, at the indexes in the plan
 * - shared `plan`: JSON, see lua/_lib/leaderboard/board.lua, with one window; also `season`: indexes of the index of seasons, the ranking, its different scores, the stored ids and their log
 * - `id`: of the season
 * - `window`: the window's name
 * - `current`: 1 for the current period, 0 for a previous one
 * - `kept`: milliseconds that the ranking is stored; 0 without a limit
 * - replies Redis' time, when it is outside of the periods that the client sent; "+" when it ended now, or "=" when it had ended, then its end in microseconds, the number of members, and the window
 * - on a full server refused: it stores the season
 */
export const leaderboardEndSeason: Script<[keys: readonly string[], plan: Arg], [id: Arg, window: Arg, current: Arg, kept: Arg], number | string> = {
  name: 'leaderboard/end-season',
  sha: 'a8f3e448e3b7b0dbc5220fda671112c75d9c9bc2',
  batch: 1,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["id","window","current","kept"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece40, piece41, piece42, `local keys = KEYS
local plan = ARGV[1]
local config = cjson.decode(plan)
local MOST_SEASONS = 10000
local function store(key, place, life)
if redis.call('EXISTS', key) == 0 then
return
end
redis.call('RENAME', key, place)
if life > 0 then
redis.call('PEXPIRE', place, life)
else
redis.call('PERSIST', place)
end
end
local items = (#ARGV - 1) / 4
if items == 1 then
local id, window, current, kept = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
do`, piece47, `end
return nil
end
local function item(id, window, current, kept)`, piece47, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 4
done = done + 1
local reply = item(ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4])`, piece6),
}

/**
 * Erase the name of a removed member from the log of a rolling window: its entries before the removal marker, then the marker.
 *
 * Those entries do not count. A process may die between any two steps: the marker stays, and the remaining entries still do not
 * count. A step reads at most 256 entries.
 *
 * - shared keys `keys`: the window's log, `gone`, and `parts` with a tolerance
 * - `member`: member
 * - `from`: where to continue, - for the start
 * - replies where to continue, or null when the name is erased
 * - on a full server runs: it only deletes
 */
export const leaderboardErase: Script<[keys: readonly string[]], [member: Arg, from: Arg], string | null> = {
  name: 'leaderboard/erase',
  sha: '2980a77811be870d80df1405c10bf1806d87406d',
  batch: 1,
  sharedKeys: true,
  shared: [],
  keys: [],
  args: ["member","from"],
  returns: 'string|null',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece1, `local keys = KEYS
local STEP = 256
local items = (#ARGV - 0) / 2
if items == 1 then
local member, from = ARGV[1], ARGV[2]
do`, piece48, `end
return nil
end
local function item(member, from)`, piece48, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 0 + done * 2
done = done + 1
local reply = item(ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Erase the name of a removed member from the stored increments, then delete its removal marker.
 *
 * The id of an increment stays used and cannot be undone; the member in its record becomes a dash. A process may die between
 * any two steps: the marker stays, and the remaining increments cannot be undone. A step reads at most 128 ids.
 *
 * - shared keys `keys`: the stored ids, and their log
 * - `member`: member
 * - `from`: where to continue, - for the start
 * - replies where to continue, or null when the name is erased
 * - on a full server runs: it replaces records by shorter ones
 */
export const leaderboardEraseIds: Script<[keys: readonly string[]], [member: Arg, from: Arg], string | null> = {
  name: 'leaderboard/erase-ids',
  sha: '3d813e90b4352db8893492ac1374fffb804585f7',
  batch: 1,
  sharedKeys: true,
  shared: [],
  keys: [],
  args: ["member","from"],
  returns: 'string|null',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece49, piece1, `local keys = KEYS
local STEP = 128
local function naming(ids, member, fields, marker)
local found = {}
for at, record in ipairs(redis.call('HMGET', ids, unpack(fields))) do
local place, of = string.match(record or '', '^(%d+%-%d+) %S+ %S+ (.*)$')
if of == member and earlier(place, marker) then
found[#found + 1] = fields[at]
found[#found + 1] = place .. ' - - -'
end
end
return found
end
local items = (#ARGV - 0) / 2
if items == 1 then
local member, from = ARGV[1], ARGV[2]
do`, piece50, `end
return nil
end
local function item(member, from)`, piece50, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 0 + done * 2
done = done + 1
local reply = item(ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Set or remove the time at which the all-time window and the members' data expire.
 *
 * - shared keys `keys`: of the window and the data
 * - `time`: milliseconds since 1970; 0 for never
 * - replies 1 when there was something to expire, else 0
 * - on a full server runs: it adds nothing
 */
export const leaderboardExpire: Script<[keys: readonly string[]], [time: Arg], number> = {
  name: 'leaderboard/expire',
  sha: '37c9ddb0b3bc605a490dc86a3a213445ab59be0a',
  batch: 16,
  sharedKeys: true,
  shared: [],
  keys: [],
  args: ["time"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local keys = KEYS
local items = (#ARGV - 0) / 1
if items == 1 then
local time = ARGV[1]
do`, piece51, `end
return nil
end
local function item(time)`, piece51, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 0 + done * 1
done = done + 1
local reply = item(ARGV[arg + 1])`, piece6),
}

/**
 * Add to a member's score on a board that is a single sorted set.
 *
 * - shared keys `keys`: the board's sorted set
 * - `member`: member
 * - `by`: number to add to the sort value
 * - replies the new sort value
 * - on a full server refused: it may add a member
 */
export const leaderboardIncrement: Script<[keys: readonly string[]], [member: Arg, by: Arg], string> = {
  name: 'leaderboard/increment',
  sha: 'ec1a0c4062a714e350d138b9ce580a13d40964c9',
  batch: 64,
  sharedKeys: true,
  shared: [],
  keys: [],
  args: ["member","by"],
  returns: 'string',
  text: /* @__PURE__ */ lines(`#!lua
local keys = KEYS
local HARMLESS = 2 ^ 970
local items = (#ARGV - 0) / 2
if items == 1 then
local member, by = ARGV[1], ARGV[2]
do`, piece52, `end
return nil
end
local function item(member, by)`, piece52, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 0 + done * 2
done = done + 1
local reply = item(ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Continue the merge of several boards by one step, or begin it.
 *
 * Invariant: nobody reads a part of a merge. Its rows are collected in a second set, which takes the place of the merged board in the step
 * that completes it. The score of a row is what the member's scores on all boards gave at one moment after the merge began. A member
 * that is on one and the same board during the whole merge has a row.
 *
 * A step reads members of one board that have no row yet, with their scores on all boards, and writes their rows together with the place
 * at which the next step continues. So a process may die after any step, and steps of several processes make one merge. If Redis evicted
 * a key of the merge, or no step followed for a minute, the next one begins anew. The merge stays in the calendar periods in which it began.
 * The end of a merge is kept for a minute, so that it ends for all callers that took part, and none of them begins another one.
 *
 * - shared keys `keys`: the merged board, the rows of the merge under way, its progress, and the boards' sorted sets
 * - shared `plan`: JSON: `best` (else the sum); `reverse` and `limit` as in lua/_lib/leaderboard/board.lua; and for each board of `sources`: `z`, the indexes of the set of the period and of the next one, with `start`, `next` and `finish`, and its `shift` and `reverse`
 * - `life`: milliseconds after which a merged board expires
 * - `joined`: microseconds at which the merge began in which the caller takes part; empty in its first step
 * - replies "+" and the time at which the merge began, when it is not complete: call again with it; that time as a number, when it is outside of the periods that the client sent; else the number of members, and that time in microseconds
 * - on a full server refused: it stores rows
 */
export const leaderboardMerge: Script<[keys: readonly string[], plan: Arg], [life: Arg, joined: Arg], number | string> = {
  name: 'leaderboard/merge',
  sha: 'a82164c550bb9027c5b6c692f643b994e06886e3',
  batch: 1,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["life","joined"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, `local keys = KEYS
local plan = ARGV[1]
local PAGE, READS = 100, 500
local PATIENCE = 60000
local LARGEST = 1.7976931348623157e308
local DAY = 86400000000
local config = cjson.decode(plan)
local function sets_at(time)
local sets = {}
for nth, source in ipairs(config.sources) do
if source.next and (time < source.start or time >= source.finish) then
return nil
end
local set = keys[source.z[source.next and time >= source.next and 2 or 1]]
local wrong = typed(set, 'zset')
if wrong then
return wrong
end
sets[nth] = set
end
return sets
end
local function progress_of(rows, progress)
local saved = redis.call('HMGET', progress, 'at', 'source', 'cursor', 'rows')
local began, source, cursor = tonumber(saved[1] or ''), tonumber(saved[2] or ''), saved[3] or ''
local whole = began and began >= 0 and began <= now + DAY and source and source % 1 == 0
local known = whole and source >= 1 and source <= #config.sources
if known and string.match(cursor, '^%d+$') and #cursor < 20 and tonumber(saved[4] or '') == redis.call('ZCARD', rows) then
return began, source, cursor
end
return now, 1, '0', true
end
local function ended_since(progress, time)
local ended = redis.call('HGET', progress, 'ended') or ''
local began = tonumber(string.match(ended, '^%d+ (%d+)$') or '')
return began and began >= time and ended or nil
end
local function page_of(set, rows, cursor, most)
local next_cursor, found = unpack(redis.call('ZSCAN', set, cursor, 'COUNT', math.min(PAGE, most)))
local members = {}
for at = 1, #found, 2 do
if not redis.call('ZSCORE', rows, found[at]) then
if #members == most then
return members, cursor
end
members[#members + 1] = found[at]
end
end
return members, next_cursor
end
local function merged_values(sets, members)
local values = {}
for nth, set in ipairs(sets) do
local source = config.sources[nth]
for at, text in ipairs(redis.call('ZMSCORE', set, unpack(members))) do
local value = tonumber(text)
if value then
value = source.shift and math.floor(value / source.shift) or value
value = source.reverse and -value or value
local before = values[at]
if not before then
values[at] = value
elseif config.best then
values[at] = math.min(before, value)
else
values[at] = before + value
end
end
end
end
local most = config.limit or LARGEST
for at, value in ipairs(values) do
values[at] = value ~= value and most or math.max(-most, math.min(most, value))
end
return values
end
local function add(rows, members, values)
local put = {}
for at, member in ipairs(members) do
put[2 * at - 1] = string.format(config.limit and '%d' or '%.17g', config.reverse and -values[at] or values[at])
put[2 * at] = member
end
redis.call('ZADD', rows, unpack(put))
end
local function complete(merged, rows, progress, life, began)
local members = redis.call('ZCARD', rows)
redis.call('UNLINK', merged, progress)
if members > 0 then
redis.call('RENAME', rows, merged)
redis.call('PEXPIRE', merged, life)
end
local ended = string.format('%d %.0f', members, began)
redis.call('HSET', progress, 'ended', ended)
redis.call('PEXPIRE', progress, PATIENCE)
return ended
end
local items = (#ARGV - 1) / 2
if items == 1 then
local life, joined = ARGV[2], ARGV[3]
do`, piece53, `end
return nil
end
local function item(life, joined)`, piece53, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 2
done = done + 1
local reply = item(ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Read a member's position and sort value on a board that is a single sorted set.
 *                      null when the member is not on the board
 *
 * - shared keys `keys`: the board's sorted set
 * - `member`: member
 * - replies position from 0 and sort value, separated by a space (one text is faster than a list);
 */
export const leaderboardRank: Script<[keys: readonly string[]], [member: Arg], string | null> = {
  name: 'leaderboard/rank',
  sha: 'bed620a1805236420fe612c4022b500879f64d51',
  batch: 64,
  sharedKeys: true,
  shared: [],
  keys: [],
  args: ["member"],
  returns: 'string|null',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local keys = KEYS
local items = (#ARGV - 0) / 1
if items == 1 then
local member = ARGV[1]
do`, piece54, `end
return nil
end
local function item(member)`, piece54, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 0 + done * 1
done = done + 1
local reply = item(ARGV[arg + 1])`, piece6),
}

/**
 * Read a member's sort value and rank on several boards of a space.
 *
 * - shared keys `keys`: the keys of one all-time or calendar window of each board, one board after the other
 * - shared `plan`: JSON: for each board its `plan` (see lua/_lib/leaderboard/board.lua, with one window), and `first` and `last`, the indexes of its keys
 * - `member`: member
 * - `style`: ordinal, competition or dense
 * - replies Redis' time, when it is outside of the periods that the client sent; else two lines for each board: sort value and rank count, both empty when the member is not on it
 */
export const leaderboardRanksOn: Script<[keys: readonly string[], plan: Arg], [member: Arg, style: Arg], number | string> = {
  name: 'leaderboard/ranks-on',
  sha: '7b4b829d674179e95f66a1a1838e880ad01c3f6e',
  batch: 4,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["member","style"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece40, piece55, `local keys = KEYS
local plan = ARGV[1]
local list = cjson.decode(plan)
local windows
local function open()
local found = {}
for at, each in ipairs(list) do
local opened = board.open({ unpack(keys, each.first, each.last) }, each.plan)
if not opened then
return nil
end
found[at] = opened[1]
end
return found
end
local items = (#ARGV - 1) / 2
if items == 1 then
local member, style = ARGV[2], ARGV[3]
do`, piece56, `end
return nil
end
local function item(member, style)`, piece56, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 2
done = done + 1
local reply = item(ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Read an all-time or calendar window of a board.
 *
 * - shared keys `keys`: the window's sorted sets, and the members' data, at the indexes in the plan
 * - shared `plan`: JSON, see lua/_lib/leaderboard/board.lua, with one window
 * - `what`: a read of lua/_lib/leaderboard/rows.lua
 * - `style`: ordinal, competition or dense
 * - `data`: 1 to read the members' data too, else 0; see lua/_lib/leaderboard/rows.lua
 * - `a`: first argument
 * - `b`: second argument
 * - `c`: third argument
 * - `d`: fourth argument
 * - replies Redis' time, when it is outside of the periods that the client sent; else the lines of the read
 */
export const leaderboardRead: Script<[keys: readonly string[], plan: Arg], [what: Arg, style: Arg, data: Arg, a: Arg, b: Arg, c: Arg, d: Arg], number | string | null> = {
  name: 'leaderboard/read',
  sha: 'fa09322ed08b14db0207b6fe6806c02865fb1ef9',
  batch: 16,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["what","style","data","a","b","c","d"],
  returns: 'integer|string|null',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece40, piece55, `local keys = KEYS
local plan = ARGV[1]
local config = cjson.decode(plan)
local open
local items = (#ARGV - 1) / 7
if items == 1 then`, piece57, `do`, piece58, `end
return nil
end
local function item(what, style, data, a, b, c, d)`, piece58, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 7
done = done + 1`, piece59, piece6),
}

/**
 * Read a rolling window after removing expired entries, at most 32 in a call.
 *
 * - shared keys `keys`: the window's keys, and the members' data, at the indexes in the plan
 * - shared `plan`: JSON, see lua/_lib/leaderboard/board.lua, with one window
 * - `what`: a read of lua/_lib/leaderboard/rows.lua
 * - `style`: ordinal, competition or dense
 * - `data`: 1 to read the members' data too, else 0; see lua/_lib/leaderboard/rows.lua
 * - `a`: first argument
 * - `b`: second argument
 * - `c`: third argument
 * - `d`: fourth argument
 * - replies 0 when more entries have expired: call again; else the lines of the read
 * - on a full server runs: it removes entries, and reads must work; a sum that is not zero any more replaces its entry
 */
export const leaderboardReadRolling: Script<[keys: readonly string[], plan: Arg], [what: Arg, style: Arg, data: Arg, a: Arg, b: Arg, c: Arg, d: Arg], number | string | null> = {
  name: 'leaderboard/read-rolling',
  sha: '51b86a961507aa9075f7eccc5d1ae91ad6dc41c9',
  batch: 16,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["what","style","data","a","b","c","d"],
  returns: 'integer|string|null',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece40, piece55, piece49, piece60, `local keys = KEYS
local plan = ARGV[1]
local config = cjson.decode(plan)
local open, current
local items = (#ARGV - 1) / 7
if items == 1 then`, piece57, `do`, piece61, `end
return nil
end
local function item(what, style, data, a, b, c, d)`, piece61, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 7
done = done + 1`, piece59, piece6),
}

/**
 * Find the time of an increment whose id is still stored.
 *
 * - shared keys `keys`: the stored ids
 * - shared `window`: microseconds that an id is stored
 * - `id`: the increment's id
 * - replies the time in microseconds; null when the id is not stored
 */
export const leaderboardRecall: Script<[keys: readonly string[], window: Arg], [id: Arg], number | null> = {
  name: 'leaderboard/recall',
  sha: '0c8207fd63aea50f2b8e8e4acfd0a0c32e04a7ee',
  batch: 64,
  sharedKeys: true,
  shared: ["window"],
  keys: [],
  args: ["id"],
  returns: 'integer|null',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece40, `local keys = KEYS
local window = ARGV[1]
local items = (#ARGV - 1) / 1
if items == 1 then
local id = ARGV[2]
do`, piece62, `end
return nil
end
local function item(id)`, piece62, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 1
done = done + 1
local reply = item(ARGV[arg + 1])`, piece6),
}

/**
 * Remove a member and its data from every window of a board, previous periods and the next one included.
 *
 * It reads each sorted set of the plan, at most 832.
 *
 * - shared keys `keys`: sorted sets, logs and data, at the indexes in the plan
 * - shared `plan`: JSON, see lua/_lib/leaderboard/removal.lua
 * - `member`: member
 * - replies 0 when more entries have expired: call again; Redis' time, when it is outside of the periods that the client sent; else '1' when the member was in a current period, '0' when not
 * - on a full server runs: it frees the member's memory; its markers are smaller, and expire with the log
 */
export const leaderboardRemove: Script<[keys: readonly string[], plan: Arg], [member: Arg], number | string> = {
  name: 'leaderboard/remove',
  sha: '07b87a31cf463e57d2031438f66ae8c7eb126ef1',
  batch: 1,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["member"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece42, `local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece40, piece63, piece49, piece60, piece64, `local keys = KEYS
local plan = ARGV[1]
local of = removal.open(keys, plan)
local items = (#ARGV - 1) / 1
if items == 1 then
local member = ARGV[2]
do`, piece65, `end
return nil
end
local function item(member)`, piece65, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 1
done = done + 1
local reply = item(ARGV[arg + 1])`, piece6),
}

/**
 * Remove members of a range of scores or positions from every window of a board, with their data.
 *
 * A call removes as many as 200 sorted sets of the plan allow, at most 50. Each removal is that of remove.lua.
 *
 * - shared keys `keys`: sorted sets, logs and data, at the indexes in the plan
 * - shared `plan`: JSON, see lua/_lib/leaderboard/removal.lua
 * - `window`: number of the window that the range is about
 * - `kind`: "score" or "position"
 * - `best`: the bound of the best sort values, or the first position from 0
 * - `worst`: the bound of the worst, or the last position
 * - replies 0 when more entries have expired: call again; Redis' time, when it is outside of the periods that the client sent; else the removed members
 * - on a full server runs: it frees memory; its markers are small, and expire with the log
 */
export const leaderboardRemoveRange: Script<[keys: readonly string[], plan: Arg], [window: Arg, kind: Arg, best: Arg, worst: Arg], number | readonly Reply[]> = {
  name: 'leaderboard/remove-range',
  sha: '80c0c454afd9b1b462935259466a67f9c5d51904',
  batch: 1,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["window","kind","best","worst"],
  returns: 'integer|list',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece40, piece42, piece63, piece49, piece60, piece64, `local keys = KEYS
local plan = ARGV[1]
local of = removal.open(keys, plan)
local items = (#ARGV - 1) / 4
if items == 1 then
local window, kind, best, worst = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
do`, piece66, `end
return nil
end
local function item(window, kind, best, worst)`, piece66, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 4
done = done + 1
local reply = item(ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4])`, piece6),
}

/**
 * Copy data of members into a season, at most 100 in a call. A later call continues where the last one ended.
 *
 * - key `seasons`: hash: seasons by id, and under "data" and the id the position from which on data are to be copied, or "all"
 * - key `ranking`: sorted set of the season
 * - key `data`: hash of the members' data
 * - key `copy`: hash: the data of the season
 * - `id`: of the season
 * - replies 1 when more are to be copied, else 0
 * - on a full server refused: it stores data
 */
export const leaderboardSeasonData: Script<[], [seasons: string, ranking: string, data: string, copy: string, id: Arg], number> = {
  name: 'leaderboard/season-data',
  sha: 'ebd73f9e6995defd8ffe61f8e79670d663ecdf28',
  batch: 1,
  sharedKeys: false,
  shared: [],
  keys: ["seasons","ranking","data","copy"],
  args: ["id"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua`, piece1, `local STEP = 100
local items = #KEYS / 4
if items == 1 then
local seasons, ranking, data, copy, id = KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1]
do`, piece67, `end
return nil
end
local function item(seasons, ranking, data, copy, id)`, piece67, `end
local replies, done = {}, 0
local own = #ARGV > 1 and 1 or 0
local function run()
while done < items do
local key = done * 4
local arg = 0 + done * own
done = done + 1`, piece68, piece6),
}

/**
 * List the seasons of a board.
 *
 * - key `seasons`: hash, see lua/leaderboard/end-season.lua
 * - replies fields and values, in turn
 */
export const leaderboardSeasons: Script<[], [seasons: string], readonly Reply[]> = {
  name: 'leaderboard/seasons',
  sha: 'f69ef7d3c1843e6344418e2afaf3c4430eba049d',
  batch: 8,
  sharedKeys: false,
  shared: [],
  keys: ["seasons"],
  args: [],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local items = #KEYS / 1
if items == 1 then
local seasons = KEYS[1]
do
return redis.call('HGETALL', seasons)
end
return nil
end
local function item(seasons)
return redis.call('HGETALL', seasons)
end
local replies, done = {}, 0
local function run()
while done < items do
local key = done * 1
done = done + 1
local reply = item(KEYS[key + 1])`, piece6),
}

/**
 * Undo an increment by its id, in the windows that still count it.
 *
 * - shared keys `keys`: the windows' keys, of calendar windows for the time of the increment, at the indexes in the plan
 * - shared `plan`: JSON, see lua/_lib/leaderboard/reversal.lua
 * - `id`: the increment's id
 * - `time`: the time of the increment, in microseconds
 * - replies 1 when undone, 0 when there was nothing to undo, 2 when more entries have expired: call again
 * - on a full server runs: it deletes an entry, or changes a score
 */
export const leaderboardUndo: Script<[keys: readonly string[], plan: Arg], [id: Arg, time: Arg], number> = {
  name: 'leaderboard/undo',
  sha: '195863478d140b947a235504b215c901a9732f93',
  batch: 1,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["id","time"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece42, `local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece40, piece49, piece60, `local reversal = { open = nil, prepare = nil, apply = nil }
local function has_entry(window, entry)
if window.grain then
return string.find(redis.call('HGET', window.parts, entry) or '', '^%-?%d+$') ~= nil
end
return redis.call('XRANGE', window.log, entry, entry)[1] ~= nil
end
local function has_ended(of, ended, place)
local marker = ended and redis.call('HGET', of.keys[of.config.ids], ended)
return marker and board.time_of(marker) and earlier(place, marker)
end
local function delete_entry(window, entry, amount)
if window.grain then
redis.call('HINCRBY', window.parts, entry, -amount)
else
redis.call('XDEL', window.log, entry)
end
end
local function record_of(of, id, time)
local config, ids = of.config, of.keys[of.config.ids]
local record = redis.call('HGET', ids, 'i' .. id)
if not record or board.time_of(record) ~= time or now - time >= config.dedup then
return nil
end
local place, amount, entries, member = string.match(record, '^(%S+) (%S+) (%S+) (.*)$')
local removed = member and redis.call('HGET', ids, 'x' .. member)
removed = removed and board.time_of(removed) and removed
if not tonumber(amount) or removed and earlier(place, removed) then
return nil
end
return place, tonumber(amount), entries, member
end
function reversal.open(keys, plan)
return { keys = keys, config = cjson.decode(plan), windows = nil }
end
function reversal.prepare(of, id, time)
local config, keys = of.config, of.keys
of.windows = of.windows or board.open(keys, config)
local wrong = board.wrong(config, keys, of.windows)
if wrong then
return wrong
end
local place, amount, entries, member = record_of(of, id, tonumber(time))
if not place then
return false
end
if not remove_expired(config, of.windows) then
return 0
end
local next_entry = string.gmatch(entries, '[^,-]+%-%d+')
local writes = {}
for at, window in ipairs(of.windows) do
local before = tonumber(redis.call('ZSCORE', window.z, member)) or false
local entry = window.log and next_entry()
local counts = before
if window.log then
counts = entry and has_entry(window, entry)
elseif before then
counts = not has_ended(of, config.windows[at].ended, place)
end
if counts and amount ~= 0 then
local score = (before and board.score(config, before) or 0) - amount
if math.abs(score) > (config.limit or 1.7976931348623157e308) then
return redis.error_reply('ERR the score of ' .. member .. ' without the increment would be too large')
end
local after = not (window.log and score == 0) and board.value(config, score, now)
writes[#writes + 1] = { window = window, before = before, after = after, entry = entry }
end
end
if #writes == 0 then
return false
end
return { field = 'i' .. id, place = place, member = member, amount = amount, writes = writes }
end
function reversal.apply(of, plan)
tell_change(of.config)
for _, each in ipairs(plan.writes) do
board.write(of.config, each.window, plan.member, each.before, each.after)
if each.entry then
delete_entry(each.window, each.entry, plan.amount)
board.keep_with_log(each.window)
end
end
redis.call('HSET', of.keys[of.config.ids], plan.field, plan.place .. ' - - -')
end
local keys = KEYS
local plan = ARGV[1]
local of = reversal.open(keys, plan)
local items = (#ARGV - 1) / 2
if items == 1 then
local id, time = ARGV[2], ARGV[3]
do`, piece69, `end
return nil
end
local function item(id, time)`, piece69, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 2
done = done + 1
local reply = item(ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Update members in every window of a board: all changes of an item, or none.
 *
 * Every check is before the first write. The script first removes at most 32 expired entries from rolling windows. It does
 * nothing else when more have expired, so that no reply is stale, nor when many changes would follow after many entries.
 *
 * - shared keys `keys`: sorted sets and logs, at the indexes in the plan
 * - shared `plan`: JSON, see lua/_lib/leaderboard/board.lua; also `keep`, `data`, `ids`, `idlog`, `dedup`, `events`
 * - `changes`: JSON: a list of [i, s or b (increment, set, best), member, amount, id]
 * - `watch`: number of the window whose change to reply, or 0
 * - `events`: 1 to reply changes of rank, according to the plan's `events`
 * - replies 0 when more entries have expired: call again; Redis' time, when it is outside of the periods that the client sent; text: the sort value in the first window after each change, in lines; else for each change that value, the change and the events
 * - on a full server refused: it may add members and entries
 */
export const leaderboardUpdate: Script<[keys: readonly string[], plan: Arg], [changes: Arg, watch: Arg, events: Arg], number | string | readonly Reply[]> = {
  name: 'leaderboard/update',
  sha: '67b454df8211467aef923b5eb31c9c40877819e8',
  batch: 32,
  sharedKeys: true,
  shared: ["plan"],
  keys: [],
  args: ["changes","watch","events"],
  returns: 'integer|string|list',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece40, `local function period_ttl(window)
local left = redis.call('PTTL', window.z)
if left == -1 then
local life = math.ceil((window.lives - now) / 1000)
redis.call('PEXPIRE', window.z, life)
if window.d then
redis.call('PEXPIRE', window.d, life)
end
end
return left ~= -2
end`, piece49, piece60, piece63, piece42, `local scoring = { open = nil, prepare = nil, apply = nil }
local HARMLESS = 2 ^ 970
local LARGEST = 1.7976931348623157e308
local function moved(config, window, value, kind, amount)
local score = value and board.score(config, value)
local new = amount
if kind == 'i' then
new = (score or 0) + amount
elseif kind == 'b' and score and (score == amount or (score < amount) ~= (config.reverse == true)) then
new = score
end
if math.abs(new) > (config.limit or LARGEST) then
return nil
end
if window.log and new == 0 then
return false
end
return new == score and value or board.value(config, new, now)
end
local function is_stored(of, id)
local record = redis.call('HGET', of.keys[of.config.ids], 'i' .. id)
local time = record and board.time_of(record)
return time and now - time < of.config.dedup
end
local function plan_of(of, changes)
local made = { changes = changes, before = {}, after = {}, counts = {} }
local members, seen = {}, {}
for nth, change in ipairs(changes) do
local id = change[4]
members[nth] = change[2]
made.counts[nth] = not (id and (seen[id] or is_stored(of, id)))
seen[id or ''] = id
end
for at, window in ipairs(of.windows) do
local values = redis.call('ZMSCORE', window.z, unpack(members))
local before, after, last = {}, {}, {}
for nth, change in ipairs(changes) do
local member = change[2]
local value = last[member]
if value == nil then
value = tonumber(values[nth]) or false
end
before[nth] = value
if made.counts[nth] then
value = moved(of.config, window, value, change[1], change[3])
if value == nil then
return nil, member
end
end
after[nth] = value
last[member] = value
end
made.before[at], made.after[at] = before, after
end
return made
end
local function set_ttl(of, window)
local has_ttl = of.has_ttl
if has_ttl[window] or not (window.lives or window.log) then
return
end
if window.lives then
has_ttl[window] = period_ttl(window)
return
end
local left = redis.call('PTTL', window.z)
has_ttl[window] = left ~= -2
local last = math.ceil(window.last / 1000)
if left < last + 1800000 then
for _, key in ipairs({ window.z, window.log, window.gone, window.parts or window.log, window.d or window.log }) do
redis.call('PEXPIRE', key, last + 3600000)
end
end
end
local function log(of, window, member, amount)
amount = board.text(of.config, amount)
if not window.grain then
return board.append(window.log, 'm', member, 'b', amount)
end
local id = redis.call('HGET', window.parts, '=' .. member)
local time = id and board.time_of(id)
if not time or now - time >= window.grain then
id = board.append(window.log, 'm', member, 'b', '+')
redis.call('HSET', window.parts, '=' .. member, id)
end
if type(redis.pcall('HINCRBY', window.parts, id, amount)) == 'table' then
redis.call('HSET', window.parts, id, amount)
end
return id
end
local function store_id(of, id, member, amount, entries)
local config = of.config
local ids, idlog = of.keys[config.ids], of.keys[config.idlog]
delete_old_ids(ids, idlog, config.dedup)
local place = board.append(idlog, 'f', 'i' .. id)
local record = string.format('%s %.17g %s %s', place, amount, #entries > 0 and table.concat(entries, ',') or '-', member)
redis.call('HSET', ids, 'i' .. id, record)
if not of.has_ttl.ids then
of.has_ttl.ids = true
local life = math.ceil(config.dedup / 1000)
if redis.call('PTTL', ids) < life + 1800000 or redis.call('PTTL', idlog) < 0 then
redis.call('PEXPIRE', ids, life + 3600000)
redis.call('PEXPIRE', idlog, life + 3600000)
end
end
end
local function trim(of, window)
local config = of.config
local over = redis.call('ZCARD', window.z) - config.keep
if over <= 0 then
return
end
over = math.min(over, 64)
local dropped = config.reverse and redis.call('ZPOPMIN', window.z, over) or redis.call('ZPOPMAX', window.z, over)
for at = 1, #dropped, 2 do
if window.d then
board.differ(config, window, tonumber(dropped[at + 1]), false)
end
local there = false
for _, other in ipairs(of.windows) do
there = there or redis.call('ZSCORE', other.z, dropped[at])
end
if not there then
redis.call('HDEL', of.keys[config.data], dropped[at])
end
end
return dropped[#dropped - 1]
end
local function write(of, planned, first, last)
local config, changes, dropped = of.config, planned.changes, {}
for at, window in ipairs(of.windows) do
local before, after = planned.before[at], planned.after[at]
if first == last then
if before[first] ~= after[first] then
board.write(config, window, changes[first][2], before[first], after[first])
end
else
local was, is = {}, {}
for nth = first, last do
local member = changes[nth][2]
if was[member] == nil then
was[member] = before[nth]
end
is[member] = after[nth]
end
board.write_all(config, window, was, is)
end
for nth = first, last do
if not after[nth] then
of.has_ttl[window] = nil
end
end
end
for nth = first, last do
if planned.counts[nth] then
local change, entries = changes[nth], {}
local member, amount, id = change[2], change[3], change[4]
for _, window in ipairs(of.windows) do
if window.log and amount ~= 0 then
entries[#entries + 1] = log(of, window, member, amount)
end
end
if id then
store_id(of, id, member, amount, entries)
end
end
end
for at, window in ipairs(of.windows) do
set_ttl(of, window)
if config.keep then
dropped[at] = trim(of, window)
end
end
return dropped
end
local function value_text(of, value)
return value and board.text(of.config, value) or ''
end
local function plan_alone(of, changes)
local kind, member, amount, id = changes[1][1], changes[1][2], changes[1][3], changes[1][4]
local again = id and is_stored(of, id)
local before, after = {}, {}
for at, window in ipairs(of.windows) do
local value = tonumber(redis.call('ZSCORE', window.z, member)) or false
before[at] = value
if not again then
value = moved(of.config, window, value, kind, amount)
if value == nil then
return nil, member
end
end
after[at] = value
end
return { changes = changes, alone = true, again = again, before = before, after = after }
end
local function apply_alone(of, plan)
local change, config, entries = plan.changes[1], of.config, {}
local member, amount, id = change[2], change[3], change[4]
local before, after = plan.before, plan.after
for at, window in ipairs(plan.again and {} or of.windows) do
if before[at] ~= after[at] then
board.write(config, window, member, before[at], after[at])
end
if not after[at] then
of.has_ttl[window] = nil
end
if window.log and amount ~= 0 then
entries[#entries + 1] = log(of, window, member, amount)
end
set_ttl(of, window)
if config.keep then
trim(of, window)
end
end
if id and not plan.again then
store_id(of, id, member, amount, entries)
end
return value_text(of, after[1])
end
local function events(of, member, from, to, dropped)
local about = of.config.events
local window = of.windows[about.window]
local passed = {}
if to and about.overtaken > 0 and (not from or to < from) then
local last = to + about.overtaken
if from then
last = math.min(last, from)
end
passed = board.members(of.config, window.z, to + 1, last)
end
local entered, left = false, false
local top = about.top
if top > 0 then
local was, is = from and from < top, to and to < top
if is and not was then
entered = member
left = board.members(of.config, window.z, top, top)[1] or dropped or false
elseif was and not is then
left = member
entered = board.members(of.config, window.z, top - 1, top - 1)[1] or false
end
end
return { from, to, entered, left, passed }
end
local function change_and_reply(of, plan, nth, watch, wants_events)
local config, change = of.config, plan.changes[nth]
local kind, member = change[1], change[2]
local watched, ranked = of.windows[watch], wants_events and of.windows[config.events.window]
local from = watched and board.position(config, watched.z, member)
local ranked_from = ranked and board.position(config, ranked.z, member)
local dropped = plan.counts[nth] and write(of, plan, nth, nth) or {}
local reply = { value_text(of, plan.after[1][nth]), false, false }
if watched then
local before = plan.before[watch][nth]
local to = board.position(config, watched.z, member)
local after = to and redis.call('ZSCORE', watched.z, member)
local applied = plan.counts[nth] and (kind ~= 'b' or before ~= plan.after[watch][nth])
reply[2] = { applied and 1 or 0, before and board.text(config, before), after, from, to }
end
if ranked then
reply[3] = events(of, member, ranked_from, board.position(config, ranked.z, member), dropped[config.events.window])
end
return reply
end
function scoring.open(keys, plan)
return { keys = keys, config = cjson.decode(plan), windows = nil, current = nil, plain = nil, has_ttl = {} }
end
function scoring.prepare(of, changes, brief)
local config, keys = of.config, of.keys
if of.current == nil then
of.windows = board.open(keys, config)
if not of.windows then
return now
end
local wrong = board.wrong(config, keys, of.windows) or config.keep and typed(keys[config.data], 'hash')
if wrong then
return wrong
end
of.current = remove_expired(config, of.windows, math.max(16, 64 - #changes * #of.windows))
of.plain = not (config.shift or config.limit or config.keep or of.windows[1].d)
end
if not of.current then
return 0
end
if config.shift and (now < config.since or now > config.ending) then
return redis.error_reply('ERR the time is outside of the range of this board\\'s ties (since, until)')
end
local plan, member
if brief and #changes == 1 then
local change = changes[1]
if of.plain and change[1] == 'i' and not change[4] and math.abs(change[3]) < HARMLESS then
return change
end
plan, member = plan_alone(of, changes)
else
plan, member = plan_of(of, changes)
end
return plan or redis.error_reply('ERR the new score of ' .. member .. ' would be too large')
end
local function add(of, member, amount)
local windows, first = of.windows, nil
for at = 1, #windows do
local window = windows[at]
local value = redis.call('ZINCRBY', window.z, amount, member)
if window.lives or window.log then
set_ttl(of, window)
end
first = first or value
end
return first
end
function scoring.apply(of, plan, watch, wants_events)
tell_change(of.config)
local changes = plan.changes
if not changes then
return add(of, plan[2], plan[3])
end
if plan.alone then
return apply_alone(of, plan)
end
local replies = {}
if watch == 0 and not wants_events and not of.config.keep then
write(of, plan, 1, #changes)
for nth = 1, #changes do
replies[nth] = value_text(of, plan.after[1][nth])
end
return table.concat(replies, '\\n')
end
for nth, change in ipairs(changes) do
if of.config.keep then
replies[nth] = change_and_reply(of, plan_of(of, { change }), 1, watch, wants_events)
else
replies[nth] = change_and_reply(of, plan, nth, watch, wants_events)
end
end
return replies
end
local keys = KEYS
local plan = ARGV[1]
local of = scoring.open(keys, plan)
local items = (#ARGV - 1) / 3
if items == 1 then
local changes, watch, events = ARGV[2], ARGV[3], ARGV[4]
do`, piece70, `end
return nil
end
local function item(changes, watch, events)`, piece70, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 3
done = done + 1
local reply = item(ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`, piece6),
}

/**
 * Block a subject for a time, or end its block.
 *
 * The block is stored at the start of the subject's state. Used tokens stay used. The key expires when both the block and the
 * used tokens have ended.
 *
 * - key `state`: string of entries, as in charge.lua
 * - `duration`: microseconds; 'forever' for a block without an end; 0 ends a block
 * - `reason`: text
 * - `listing`: the id under which a block without an end is listed, see list-block.lua; 0 for another
 * - replies 0 if the subject was not blocked before, 1 if it was; of a block without an end the id under which it is listed
 * - on a full server refused: a block adds a key, and the number of subjects has no bound
 */
export const limiterBlock: Script<[], [state: string, duration: Arg, reason: Arg, listing: Arg], number> = {
  name: 'limiter/block',
  sha: '6326ea49c197c66ba6bf20af1e76cc7796021291',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["state"],
  args: ["duration","reason","listing"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece71, piece72, piece1, piece73, piece74, `local items = #KEYS / 1
if items == 1 then
local state, duration, reason, listing = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
do`, piece75, `end
return nil
end
local function item(state, duration, reason, listing)`, piece75, `end
local replies, done = {}, 0
local own = #ARGV > 3 and 3 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`, piece6),
}

/**
 * Block a subject for a time, or end its block.
 *
 * The block is stored at the start of the subject's state. Used tokens stay used. The key expires when both the block and the
 * used tokens have ended.
 *
 * - key `state`: string of entries, as in charge.lua
 * - `duration`: microseconds; 'forever' for a block without an end; 0 ends a block
 * - `reason`: text
 * - `listing`: the id under which a block without an end is listed, see list-block.lua; 0 for another
 * - replies 0 if the subject was not blocked before, 1 if it was; of a block without an end the id under which it is listed
 * - on a full server runs: it deletes the block
 */
export const limiterUnblock: Script<[], [state: string, duration: Arg, reason: Arg, listing: Arg], number> = {
  name: 'limiter/unblock',
  sha: 'b6e2838ba4ae24844b648bcd05cd58490c5366d9',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["state"],
  args: ["duration","reason","listing"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece71, piece72, piece1, piece73, piece74, `local items = #KEYS / 1
if items == 1 then
local state, duration, reason, listing = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
do`, piece75, `end
return nil
end
local function item(state, duration, reason, listing)`, piece75, `end
local replies, done = {}, 0
local own = #ARGV > 3 and 3 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`, piece6),
}

/**
 * Read the block of a subject.
 *
 * - key `state`: string of entries, as in charge.lua
 * - replies microseconds until the block ends, its reason, and the id under which it is listed or 0; empty without a block
 */
export const limiterBlocked: Script<[], [state: string], readonly Reply[]> = {
  name: 'limiter/blocked',
  sha: '142218df1833e3d5a9c8674b4ccac6b0d8803295',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["state"],
  args: [],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece71, `local items = #KEYS / 1
if items == 1 then
local state = KEYS[1]
do`, piece76, `end
return nil
end
local function item(state)`, piece76, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = done * 1
done = done + 1
local reply = item(KEYS[key + 1])`, piece6),
}

/**
 * A page of the list of blocks without an end.
 *
 * - key `blocks`: sorted set as in list-block.lua
 * - `after`: bound of the first block, as ZRANGE BYLEX has it
 * - `limit`: of blocks
 * - replies subjects and ids as JSON
 */
export const limiterBlocks: Script<[], [blocks: string, after: Arg, limit: Arg], readonly Reply[]> = {
  name: 'limiter/blocks',
  sha: '39e2088e1278834f18c5f14375d6f4aef12526e6',
  batch: 8,
  sharedKeys: false,
  shared: [],
  keys: ["blocks"],
  args: ["after","limit"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes`, piece1, `local items = #KEYS / 1
if items == 1 then
local blocks, after, limit = KEYS[1], ARGV[1], ARGV[2]
do`, piece77, `end
return nil
end
local function item(blocks, after, limit)`, piece77, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Charge a subject under rules of any algorithm: all of them, or none.
 *
 * Invariant: no enforced rule admits more than its algorithm allows, and no rule is charged unless all of them allow. A
 * shadow rule is charged when the call passes and the rule would have allowed it. Penalties and refunds (fewer than 0 tokens)
 * apply even above the limit. No count goes below 0 or above twice what a rule allows at once.
 *
 * A settlement corrects an earlier charge. It contains the time of that charge, and corrects only the rules that were charged.
 * Tokens that came back with time since then are not given back again; each algorithm documents how. A refund without a
 * charge gives back the latest tokens.
 *
 * The script reads and checks every key, and builds the reply, before the first write. It refuses data that it cannot read.
 *
 * A state is the string of take.lua: an entry (id, expiry, a number of the algorithm, time, another number) for each rule. The
 * entries of this call's rules are first and have the key's own expiry, without that of a block. Entries of other rules still in use follow, at most 32
 * in all. A block may precede them. Two entries of bans may be the last, see banning.lua. Logs and slots have their own keys.
 *
 * When the server's clock was set back, used tokens stay used, counted from the new time. The new time is written even when
 * nothing is charged; otherwise a subject could wait until the clock reaches its old time again.
 *
 * - shared `rules`: for each rule: letter of its algorithm, number of its key, 1 for a shadow rule, id, and four numbers
 * - key `places`: states, logs (strings) and slots (sorted sets), in the order in which the rules number them
 * - `cost`: whole tokens: fewer than 0 for a refund, 0 to read only
 * - `how`: 'take'; 'lease' to take tokens that may be used later; 'try' to charge also when denied, up to twice what a rule allows; 'set' to charge as many tokens as were never charged before; "ban …" to take, and to count a denial (see banning.lua); 'add' to charge even above the limit; to settle, "charged elapsed rules": Redis' time of the charge, the microseconds since then by the caller's clock, and 1 for each charged rule, 0 for others, and l for leased tokens
 * - `lease`: id of the lease, if a slot may be charged
 * - replies 1, Redis' time, and for each rule 1 if it refuses (else 0) and its state; 0 and the same when denied; 2, microseconds and reason when blocked; with "ban …" four numbers follow for each ban that begins or is in shadow: number of its state, 1 if it begins, bans in a row, microseconds until it ends; 3 and Redis' time when the calendar periods that the client sent do not contain that time
 * - on a full server refused: it may add a subject; a refused refund is safe, because tokens come back with time
 */
export const limiterCharge: Script<[rules: Arg], [...places: string[], cost: Arg, how: Arg, lease: Arg], readonly Reply[]> = {
  name: 'limiter/charge',
  sha: '116605ff25a750a4d7981ec2efe2d58df309f4b9',
  batch: 16,
  sharedKeys: false,
  shared: ["rules"],
  keys: ["places"],
  manyKeys: true,
  args: ["cost","how","lease"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece71, piece78, piece79, piece80, piece81, piece72, piece82, piece83, piece1, piece73, piece84, `local function load_banning()
local banning = { open = nil, prepare = nil, apply = nil }
local COUNT, BANS = 2 ^ 48 + 1, 2 ^ 48 + 2
local ENTRY, MOST = 40, 32
local MARGIN = 2
local LARGEST_COUNT = 1000000
function banning.open(text)
local how, numbers, owners, reason = string.match(text, '^ban (%l+),([^,]+),([^,]+),(.*)$')
local denials, within, length, factor, longest, quiet, shadow =
string.match(numbers, '^(%d+) (%d+) (%d+) ([%d.]+) (%d+) (%d+) (%d)$')
local ban = { denials = tonumber(denials), within = tonumber(within), length = tonumber(length), owners = {} }
ban.factor, ban.longest, ban.quiet = tonumber(factor), tonumber(longest), tonumber(quiet)
ban.how, ban.shadow, ban.reason = how, shadow == '1', reason
for owner in string.gmatch(owners, '%d+') do
ban.owners[#ban.owners + 1] = tonumber(owner)
end
return ban
end
local function find(state)
local count, bans, others, used = nil, nil, 0, 0
for from = state.start + 1, state.saved and #state.saved or 0, ENTRY do
local id, expires, number, time, ends = struct.unpack('<ddddd', state.saved, from)
local back = math.max(0, time - now)
local entry = { expires = expires - back, number = number, time = time - back, ends = ends - back }
if entry.expires <= now then
entry = nil
end
if id == COUNT then
count = entry
elseif id == BANS then
bans = entry
else
others = others + 1
used = expires > now and used + 1 or used
end
end
return count, bans, others, used
end
local function denied(ban, of)
local places = {}
for at, rule in ipairs(of.list) do
if rule.refuses and not rule.shadow then
places[ban.owners[at]] = true
end
end
return places
end
local function counted(ban, count, bans)
local number = (count and count.number or 0) + 1
if number < ban.denials then
local since = count and count.time or now
return { { COUNT, since + ban.within, number, since, 0 }, bans and { BANS, bans.expires, bans.number, bans.time, bans.ends } }
end
local nth = math.min((bans and bans.number or 0) + 1, LARGEST_COUNT)
local length = math.floor(math.min(ban.longest, ban.length * ban.factor ^ (nth - 1)))
return { { BANS, now + length + ban.quiet, nth, now, now + length } }, nth, length
end
local function reason_of(ban, nth)
return '\\0' .. string.format('%.0f', nth) .. ' ' .. ban.reason
end
local function reply_of(ban, reply, reports)
local last = 0
for _, report in ipairs(reports) do
if report[2] == 1 and not ban.shadow and report[4] > last then
last = report[4]
reply = { 2, last, reason_of(ban, report[3]) }
end
end
for _, report in ipairs(reports) do
for at = 1, 4 do
reply[#reply + 1] = report[at]
end
end
return reply
end
function banning.prepare(ban, of, charged, cost)
local plan, reports = { writes = {}, reply = charged.reply }, {}
if charged.reply[1] == 2 then
return plan
end
local places = not charged.allowed and tonumber(cost) > 0 and denied(ban, of) or {}
for at, state in ipairs(charged.states) do
local count, bans, others, used = find(state)
if ban.shadow and bans and bans.ends > now then
reports[#reports + 1] = { at, 0, bans.number, bans.ends - now }
elseif places[at] and used + 2 <= MOST then
local entries, nth, length = counted(ban, count, bans)
local change = { key = state.key, entries = entries, nth = nth, length = length, full = others + 2 > MOST }
plan.writes[#plan.writes + 1] = change
if nth then
reports[#reports + 1] = { at, 1, nth, length }
end
end
end
plan.reply = reply_of(ban, charged.reply, reports)
return plan
end
local function write(ban, change)
local saved = redis.call('GET', change.key)
local _, _, _, start = leading_block(saved)
local head, kept, expires = '', '', now
if change.nth and not ban.shadow then
local text = reason_of(ban, change.nth)
expires = now + change.length
head = struct.pack('<ddddd', 0, expires, #text, now, 0) .. text
end
for from = start + 1, saved and #saved or 0, ENTRY do
local id, ends = struct.unpack('<dd', saved, from)
if id ~= COUNT and id ~= BANS and (ends > now or not change.full) then
kept = kept .. string.sub(saved, from, from + ENTRY - 1)
expires = math.max(expires, ends)
end
end
for at = 1, 2 do
local entry = change.entries[at]
if entry then
kept = kept .. struct.pack('<ddddd', unpack(entry))
expires = math.max(expires, entry[2])
end
end
redis.call('SET', change.key, head .. kept, 'PX', math.ceil((expires - now) / 1000) + MARGIN)
end
function banning.apply(ban, plan)
for _, change in ipairs(plan.writes) do
write(ban, change)
end
end
return banning
end
local banning, bans
local function ban_of(how)
if string.byte(how) ~= 98 then
return nil
end
if not banning then
banning, bans = load_banning(), {}
end
bans[how] = bans[how] or banning.open(how)
return banning, bans[how]
end
local rules = ARGV[1]
local LARGEST = 2000000000
local of = charging.open(rules)
local items = (#ARGV - 1) / 3
if items == 1 then
local places, cost, how, lease = KEYS, ARGV[2], ARGV[3], ARGV[4]
do`, piece85, `end
return nil
end
local function item(places, cost, how, lease)`, piece85, `end
local replies, done = {}, 0
local each = #KEYS / items
local function run()
while done < items do
local key = done * each
local arg = 1 + done * 3
done = done + 1
local reply = item({ unpack(KEYS, key + 1, key + each) }, ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`, piece6),
}

/**
 * Add the denials that a process counted to those of all processes, in one minute.
 *
 * Invariant: the score of a member is at most the number of its denials that processes sent, and is less by at most the negative score of
 * the member ''. So what a process left out is added there, and so is the largest count that is removed for lack of room. A process that
 * dies before it sends loses its counts; one that dies after it sent has nothing left to do.
 *
 * - key `counts`: sorted set: rule and subject, by denials; and '', by what a count lacks at most, negative
 * - `given`: JSON: rule and subject, and a count, for each
 * - `lacks`: how many denials of one subject the process did not count, at most
 * - `most`: members
 * - `lasts`: milliseconds for which they are stored
 * - replies members
 * - on a full server refused: counts are approximate
 */
export const limiterCountDenied: Script<[], [counts: string, given: Arg, lacks: Arg, most: Arg, lasts: Arg], number> = {
  name: 'limiter/count-denied',
  sha: 'a062f4a4e263b85e2eb9e8327824b9c6821ef9ea',
  batch: 4,
  sharedKeys: false,
  shared: [],
  keys: ["counts"],
  args: ["given","lacks","most","lasts"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua`, piece1, `local MOST_REMOVED = 500
local items = #KEYS / 1
if items == 1 then
local counts, given, lacks, most, lasts = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
do`, piece86, `end
return nil
end
local function item(counts, given, lacks, most, lasts)`, piece86, `end
local replies, done = {}, 0
local own = #ARGV > 4 and 4 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1`, piece11, piece6),
}

/**
 * Declare the rules of a limiter, or refuse rules that use another calendar for the same state.
 *
 * The count of a calendar rule belongs to a period. A process with another calendar would read it as the count of its own
 * period, or of one that ended. So a calendar stays declared while processes use it, and then for as long as a count may exist.
 * A deploy may change everything else: the reply contains the previous declaration.
 *
 * - key `declared`: sorted set, scored by the microsecond at which a member expires: "rule calendar", or "= declaration"
 * - `calendars`: a line for each calendar rule: its part, a slash, its name, a space, and its calendar
 * - `calendars_last`: microseconds until they expire
 * - `text`: the declaration as readable text; empty when the process sent it before
 * - `text_lasts`: microseconds until it expires
 * - replies 0, the rule, and its other calendar when refused; else 1, and the previous declaration if it differs
 * - on a full server refused: the charge that follows is refused, too
 */
export const limiterDeclare: Script<[], [declared: string, calendars: Arg, calendarsLast: Arg, text: Arg, textLasts: Arg], readonly Reply[]> = {
  name: 'limiter/declare',
  sha: '2e049e4e984a1b4db68540fd02592ef7d740722c',
  batch: 8,
  sharedKeys: false,
  shared: [],
  keys: ["declared"],
  args: ["calendars","calendars_last","text","text_lasts"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, `local MOST = 100
local LONGEST = 2 ^ 52
local function score(lasts)
return string.format('%.0f', now + lasts)
end
local items = #KEYS / 1
if items == 1 then
local declared, calendars, calendars_last, text, text_lasts = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
do`, piece87, `end
return nil
end
local function item(declared, calendars, calendars_last, text, text_lasts)`, piece87, `end
local replies, done = {}, 0
local own = #ARGV > 4 and 4 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1`, piece11, piece6),
}

/**
 * The most denied subjects of one minute.
 *
 * - key `counts`: sorted set as in count-denied.lua
 * - `most`: members
 * - replies what a count lacks at most, negative (empty: nothing was counted); then rule and subject, and the count, for each
 */
export const limiterDenied: Script<[], [counts: string, most: Arg], readonly Reply[]> = {
  name: 'limiter/denied',
  sha: '65b5d1ce9630f09f3417e93aee7f551c1ac77a25',
  batch: 32,
  sharedKeys: false,
  shared: [],
  keys: ["counts"],
  args: ["most"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes`, piece1, `local items = #KEYS / 1
if items == 1 then
local counts, most = KEYS[1], ARGV[1]
do`, piece88, `end
return nil
end
local function item(counts, most)`, piece88, `end
local replies, done = {}, 0
local own = #ARGV > 1 and 1 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1])`, piece6),
}

/**
 * Decide about a call as charge.lua does, and charge nothing.
 *
 * Invariant: it writes nothing, so a tool may ask at any time, and with a user who may only read.
 *
 * - shared `rules`: as charge.lua
 * - key `places`: as charge.lua
 * - `cost`: whole tokens
 * - replies as charge.lua
 */
export const limiterExplain: Script<[rules: Arg], [...places: string[], cost: Arg], readonly Reply[]> = {
  name: 'limiter/explain',
  sha: '07c9d9979def196baeadb7806f502094325da7f4',
  batch: 16,
  sharedKeys: false,
  shared: ["rules"],
  keys: ["places"],
  manyKeys: true,
  args: ["cost"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece71, piece78, piece79, piece80, piece81, piece72, piece82, piece83, piece1, piece73, piece84, `local rules = ARGV[1]
local of = charging.open(rules)
local items = (#ARGV - 1) / 1
if items == 1 then
local places, cost = KEYS, ARGV[2]
do`, piece89, `end
return nil
end
local function item(places, cost)`, piece89, `end
local replies, done = {}, 0
local each = #KEYS / items
local function run()
while done < items do
local key = done * each
local arg = 1 + done * 1
done = done + 1
local reply = item({ unpack(KEYS, key + 1, key + each) }, ARGV[arg + 1])`, piece6),
}

/**
 * Renew the lease of a slot of concurrency rules, or release the slot.
 *
 * An expired lease is not renewed: another call may have the slot now.
 *
 * - key `places`: sorted sets of leases
 * - `lease`: id of the lease
 * - `length`: microseconds; 0 releases it
 * - replies 1 if the lease had not expired in any key, else 0
 * - on a full server runs: a release deletes a member; a renewal changes a score, and must not fail for work in progress
 */
export const limiterLease: Script<[], [...places: string[], lease: Arg, length: Arg], number> = {
  name: 'limiter/lease',
  sha: '10a3f3547d2e4e27a7dd9e8226dc512c15f02224',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["places"],
  manyKeys: true,
  args: ["lease","length"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece72, piece83, piece1, piece73, `local function read_slots(places, lease)
local found = { live = 1, sooner = {} }
for at, place in ipairs(places) do
found.sooner[at] = slots.clock_step(place)
if not slots.has(place, lease, found.sooner[at]) then
found.live = 0
end
end
return found
end
local function type_of()
return 'zset'
end
local items = (#ARGV - 0) / 2
if items == 1 then
local places, lease, length = KEYS, ARGV[1], ARGV[2]
do`, piece90, `end
return nil
end
local function item(places, lease, length)`, piece90, `end
local replies, done = {}, 0
local each = #KEYS / items
local function run()
while done < items do
local key = done * each
local arg = 0 + done * 2
done = done + 1
local reply = item({ unpack(KEYS, key + 1, key + each) }, ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Add a block without an end to the list, or remove it.
 *
 * Invariant: a block without an end is in the list. Each call that blocks adds an id of its own, then blocks with that id. A block is
 * removed from the list only after the subject's state no longer had it, under the id that the state had. So calls that block and
 * unblock a subject at the same time, and processes that die in between, can only leave an id in the list whose block is gone.
 *
 * - key `blocks`: sorted set of subjects and ids as JSON, all with score 0
 * - `block`: JSON
 * - `add`: 1 to add it, 0 to remove it
 * - replies 1, or 0 when the list is full
 * - on a full server refused: the block that follows is refused, too
 */
export const limiterListBlock: Script<[], [blocks: string, block: Arg, add: Arg], number> = {
  name: 'limiter/list-block',
  sha: '87e9d51b25643c3723668bcf31702adbc4b39122',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["blocks"],
  args: ["block","add"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua`, piece1, `local MOST = 100000
local items = #KEYS / 1
if items == 1 then
local blocks, block, add = KEYS[1], ARGV[1], ARGV[2]
do`, piece91, `end
return nil
end
local function item(blocks, block, add)`, piece91, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Add a block without an end to the list, or remove it.
 *
 * Invariant: a block without an end is in the list. Each call that blocks adds an id of its own, then blocks with that id. A block is
 * removed from the list only after the subject's state no longer had it, under the id that the state had. So calls that block and
 * unblock a subject at the same time, and processes that die in between, can only leave an id in the list whose block is gone.
 *
 * - key `blocks`: sorted set of subjects and ids as JSON, all with score 0
 * - `block`: JSON
 * - `add`: 1 to add it, 0 to remove it
 * - replies 1, or 0 when the list is full
 * - on a full server runs: it deletes a member
 */
export const limiterUnlist: Script<[], [blocks: string, block: Arg, add: Arg], number> = {
  name: 'limiter/unlist',
  sha: 'ac9eeea4ecbd0864d598bb9dbf3e951d43c462a2',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["blocks"],
  args: ["block","add"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece1, `local MOST = 100000
local items = #KEYS / 1
if items == 1 then
local blocks, block, add = KEYS[1], ARGV[1], ARGV[2]
do`, piece91, `end
return nil
end
local function item(blocks, block, add)`, piece91, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Register a rule that stores its own keys, so that a reset by a process without this rule finds them.
 *
 * A process registers a rule with its first charge, and once a minute while it charges. Rules whose keys have all expired are
 * removed.
 *
 * - key `rules`: sorted set: letter, part and name of the rule, by the microsecond until which its keys may exist
 * - `rule`: letter, part and name
 * - `lasts`: microseconds from now
 * - replies 1 if it is new
 * - on a full server refused: it may add a name; the charge sent with it is refused, too
 */
export const limiterRegister: Script<[], [rules: string, rule: Arg, lasts: Arg], number> = {
  name: 'limiter/register',
  sha: '83a75d68994b2ef580cf440eda987dca57329bf1',
  batch: 16,
  sharedKeys: false,
  shared: [],
  keys: ["rules"],
  args: ["rule","lasts"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, `local LONGEST = 2 ^ 52
local items = #KEYS / 1
if items == 1 then
local rules, rule, lasts = KEYS[1], ARGV[1], ARGV[2]
do`, piece92, `end
return nil
end
local function item(rules, rule, lasts)`, piece92, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * List the rules of a limiter that may have their own keys.
 *
 * - key `rules`: sorted set as in register.lua
 * - replies letter, part and name of each rule; at most 10,000
 */
export const limiterRegistered: Script<[], [rules: string], readonly Reply[]> = {
  name: 'limiter/registered',
  sha: 'a28b5ff4006ab5ecd82f79502446b1f4bb3cd554',
  batch: 1,
  sharedKeys: false,
  shared: [],
  keys: ["rules"],
  args: [],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, `local MOST = 10000
local items = #KEYS / 1
if items == 1 then
local rules = KEYS[1]
do`, piece93, `end
return nil
end
local function item(rules)`, piece93, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = done * 1
done = done + 1
local reply = item(KEYS[key + 1])`, piece6),
}

/**
 * Delete a key of a subject, and reply what was in it.
 *
 * A key that is damaged, or of another type, is deleted all the same.
 *                     end is listed, else 0; the leases that had not expired; the block's reason; and the ids of the rules in it, in one text
 *
 * - key `place`: a state, a log or slots
 * - `kind`: 'state', 'log' or 'slots'
 * - replies null if it was not there; else microseconds until its block ends, else 0; the id under which a block without an
 * - on a full server runs: it deletes a key
 */
export const limiterReset: Script<[], [place: string, kind: Arg], readonly Reply[] | null> = {
  name: 'limiter/reset',
  sha: 'e7fcff60665384afea973d01120000916aa0ccbb',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["place"],
  args: ["kind"],
  returns: 'list|null',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece71, `local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local MOST, ENTRY = 34, 40
local function ids_of(saved, from)
local ids = {}
for at = 1, math.min(MOST, math.floor((#saved - from) / ENTRY)) do
ids[at] = string.format('%.0f', (struct.unpack('<d', saved, from + ENTRY * (at - 1) + 1)))
end
return table.concat(ids, ' ')
end
local function leases_in(place)
local charged = redis.pcall('ZSCORE', place, '')
local by = type(charged) == 'string' and math.max(0, -charged - now) or 0
local leases = redis.pcall('ZCOUNT', place, string.format('(%.0f', now + by), '+inf')
return type(leases) == 'number' and leases or 0
end
local items = #KEYS / 1
if items == 1 then
local place, kind = KEYS[1], ARGV[1]
do`, piece94, `end
return nil
end
local function item(place, kind)`, piece94, `end
local replies, done = {}, 0
local own = #ARGV > 1 and 1 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1])`, piece6),
}

/**
 * Take tokens of one subject under a single GCRA rule.
 *
 * The rule is a leaky bucket, the exact form of GCRA: a token adds `token` units to the level, a microsecond drains
 * `drain` units, and a call passes while the level stays within the capacity. All are whole numbers up to 2^52, so nothing
 * is rounded, except up when the rule was changed. A denial writes nothing. The key expires at least a second after the level
 * has drained, so that most charges of a busy subject only overwrite it (SETRANGE), which costs less than setting an expiry.
 *
 * take-all.lua does the same for several rules, and charge.lua for rules of any algorithm. All share one format of the state:
 * entries of id, expiry, token, time of the last charge and level, packed as doubles. The entries of the last call's rules are
 * first and have the key's own expiry. The script replies null, and charge.lua is called, for a state that starts differently
 * or was charged later than now (the server's clock was set back).
 *
 * - shared `numbers`: four doubles: id of the rule's state, units drained in a microsecond, units of a token, capacity
 * - key `state`: string of entries
 * - `cost`: whole tokens wanted, at most the burst
 * - replies the level after the charge, or minus the level minus one when denied; microseconds and reason of a block
 * - on a full server refused: it may add a subject: the limiter's policy decides
 */
export const limiterTake: Script<[numbers: Arg], [state: string, cost: Arg], number | string | null> = {
  name: 'limiter/take',
  sha: '9760b3f82167b7755e5429fc225fe47dd2dda659',
  batch: 64,
  sharedKeys: false,
  shared: ["numbers"],
  keys: ["state"],
  args: ["cost"],
  usual: 1,
  returns: 'integer|string|null',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local numbers = ARGV[1]`, piece95, `local items = #KEYS / 1
if items == 1 then
local state, cost = KEYS[1], ARGV[2] or 1
do`, piece96, `end
return nil
end
local function item(state, cost)`, piece96, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 1 or 0
local function run()
while done < items do
local key = done * 1
local arg = 1 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1] or 1)`, piece6),
}

/**
 * Take tokens of one subject under a single GCRA rule.
 *
 * The rule is a leaky bucket, the exact form of GCRA: a token adds `token` units to the level, a microsecond drains
 * `drain` units, and a call passes while the level stays within the capacity. All are whole numbers up to 2^52, so nothing
 * is rounded, except up when the rule was changed. A denial writes nothing. The key expires at least a second after the level
 * has drained, so that most charges of a busy subject only overwrite it (SETRANGE), which costs less than setting an expiry.
 *
 * take-all.lua does the same for several rules, and charge.lua for rules of any algorithm. All share one format of the state:
 * entries of id, expiry, token, time of the last charge and level, packed as doubles. The entries of the last call's rules are
 * first and have the key's own expiry. The script replies null, and charge.lua is called, for a state that starts differently
 * or was charged later than now (the server's clock was set back).
 *
 * - shared `numbers`: four doubles: id of the rule's state, units drained in a microsecond, units of a token, capacity
 * - key `state`: string of entries
 * - `cost`: whole tokens wanted, at most the burst
 * - replies the level after the charge, or minus the level minus one when denied; microseconds and reason of a block
 * - on a full server runs: a worker can finish the entry then, which frees memory; the state has a TTL
 */
export const limiterTakeForEntry: Script<[numbers: Arg], [state: string, cost: Arg], number | string | null> = {
  name: 'limiter/take_for_entry',
  sha: 'b3685679462911024e5d55ec4e97eb37e3fd5a8c',
  batch: 64,
  sharedKeys: false,
  shared: ["numbers"],
  keys: ["state"],
  args: ["cost"],
  usual: 1,
  returns: 'integer|string|null',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local numbers = ARGV[1]`, piece95, `local items = #KEYS / 1
if items == 1 then
local state, cost = KEYS[1], ARGV[2] or 1
do`, piece96, `end
return nil
end
local function item(state, cost)`, piece96, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 1 or 0
local function run()
while done < items do
local key = done * 1
local arg = 1 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1] or 1)`, piece6),
}

/**
 * Take tokens of one subject under several GCRA rules: all of them, or none.
 *
 * Each rule is a leaky bucket as in take.lua, and the state has the same format, with an entry for each rule. A denial writes
 * nothing. The script replies null, and charge.lua is called, for a state of other rules or of a later time than now.
 *
 * - shared `rules`: "id drain token capacity" of each rule, separated by spaces
 * - key `state`: string: id, expiry, token, time and level of each rule, packed as doubles
 * - `cost`: whole tokens wanted, at most the smallest burst
 * - replies each rule's level after the charge, or minus the level minus one when denied; microseconds and reason of a block
 * - on a full server refused: it may add a subject: the limiter's policy decides
 */
export const limiterTakeAll: Script<[rules: Arg], [state: string, cost: Arg], readonly number[] | string | null> = {
  name: 'limiter/take-all',
  sha: '7a8c5d309a8ba714fac17124abd5e9fa24bf3be7',
  batch: 64,
  sharedKeys: false,
  shared: ["rules"],
  keys: ["state"],
  args: ["cost"],
  returns: 'integers|string|null',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local rules = ARGV[1]
local call, unpacked, packed = redis.call, struct.unpack, struct.pack
local min, max, ceil = math.min, math.max, math.ceil
local ids, drains, tokens, capacities, count = {}, {}, {}, {}, 0
for id, drain, token, capacity in string.gmatch(rules, '(%d+) (%d+) (%d+) (%d+)') do
count = count + 1
ids[count] = tonumber(id)
drains[count] = tonumber(drain)
tokens[count] = tonumber(token)
capacities[count] = tonumber(capacity)
end
local ENTRY = 40
local SECOND = 1000000
local MARGIN = 2
local levels = {}
local items = #KEYS / 1
if items == 1 then
local state, cost = KEYS[1], ARGV[2]
do`, piece97, `end
return nil
end
local function item(state, cost)`, piece97, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 1 or 0
local function run()
while done < items do
local key = done * 1
local arg = 1 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1])`, piece6),
}

/**
 * Delete a channel's history, and tell its followers, who get a reset.
 *
 * The next history gets a later epoch, so that no position of the deleted one is good for it. Followers that miss the message
 * find the other epoch when they next compare their positions. A process may die before or after the call.
 *
 * - key `history`: stream
 * - key `next`: sorted set for channels without a history: key and epoch of the next history
 * - `live`: pub/sub channel in the same slot
 * - replies 1 if there was a history
 * - on a full server runs: it frees memory; the set that it adds to has a bound
 */
export const notifierClear: Script<[], [history: string, next: string, live: Arg], number> = {
  name: 'notifier/clear',
  sha: 'a64be223cd350e59a54552434cb391a167675e8f',
  batch: 8,
  sharedKeys: false,
  shared: [],
  keys: ["history","next"],
  args: ["live"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece98, `local items = #KEYS / 2
if items == 1 then
local history, next, live = KEYS[1], KEYS[2], ARGV[1]
do`, piece99, `end
return nil
end
local function item(history, next, live)`, piece99, `end
local replies, done = {}, 0
local own = #ARGV > 1 and 1 or 0
local function run()
while done < items do
local key = done * 2
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1])`, piece6),
}

/**
 * Count a connection of a user, or renew it; close the oldest when there are more than a bound.
 *
 * A user's connections are ordered by the time at which they were admitted, and the newest `most` stay. No other state is
 * needed: after a restart without data, or when a process was cut off, a renewal adds the connection again in its old
 * place. A new connection is always the newest, also when the clock was set back.
 *
 * Each process follows a pub/sub channel of its own, so that it learns at once which connection to close. If nobody follows
 * that channel, the process is dead or cut off. When there are too many connections, those of such processes are removed
 * first, so that a dead server closes no living connection. A process that was only cut off adds its own again when it renews.
 *
 * Crash points: a process that dies before or after the call leaves at most one member, which expires with its lease and
 * pushes out no other connection. The message to close a connection is sent before its member is removed; a process that misses
 * it gets '' at its next renewal.
 *
 * - shared `lease`: milliseconds for which a connection counts after its last renewal
 * - shared `channel`: prefix of the pub/sub channels of processes; the process id follows
 * - key `connections`: sorted set of a user: <admitted>:<process>:<number>, by the millisecond at which the lease ends
 * - `process`: id of the process that has the connection
 * - `number`: the connection's number in that process
 * - `admitted`: the result of the first call; empty for the first call
 * - `most`: the most connections of the user
 * - replies when it was admitted, in microseconds; empty when the connection must close
 * - on a full server refused: it may add a user; existing connections stay
 */
export const notifierConnect: Script<[lease: Arg, channel: Arg], [connections: string, process: Arg, number: Arg, admitted: Arg, most: Arg], string> = {
  name: 'notifier/connect',
  sha: 'd3f5e00c2586b1d150e8ffec6a782bd1921454f8',
  batch: 8,
  sharedKeys: false,
  shared: ["lease","channel"],
  keys: ["connections"],
  args: ["process","number","admitted","most"],
  returns: 'string',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, `local lease = ARGV[1]
local channel = ARGV[2]
local ms = math.floor(now / 1000)
lease = tonumber(lease)
local alive = {}
local function is_alive(process)
local found = alive[process]
if found == nil then
found = redis.call('PUBSUB', 'SHARDNUMSUB', channel .. process)[2] > 0
alive[process] = found
end
return found
end
local function admitted_at(member)
return tonumber(string.sub(member, 1, 17))
end
local function owner_of(member)
local colon = string.find(member, ':', 19, true)
return string.sub(member, 19, colon - 1), string.sub(member, colon + 1)
end
local function close(connections, member)
local process, number = owner_of(member)
redis.call('SPUBLISH', channel .. process, number)
redis.call('ZREM', connections, member)
end
local function make_room(connections, members, most, own)
local living, oldest, oldest_at = {}, nil, nil
for _, member in ipairs(members) do
if is_alive((owner_of(member))) then
living[#living + 1] = member
local at = admitted_at(member)
if not oldest or at < oldest_at then
oldest, oldest_at = member, at
end
else
redis.call('ZREM', connections, member)
end
end
local over = #living - most
if over <= 0 then
return false
end
if over == 1 then
close(connections, oldest)
return oldest == own
end
table.sort(living)
local closed = false
for at = 1, over do
close(connections, living[at])
closed = closed or living[at] == own
end
return closed
end
local MAX_MEMBERS = 101
local function members_of(connections)
local members = {}
for _, member in ipairs(redis.call('ZRANGE', connections, 0, MAX_MEMBERS - 1)) do
local admitted = string.match(member, '^(%d+):[^:]+:%d+$')
if admitted and #admitted == 17 and tonumber(admitted) < 2 ^ 53 then
members[#members + 1] = member
else
redis.call('ZREM', connections, member)
end
end
return members
end
local items = #KEYS / 1
if items == 1 then
local connections, process, number, admitted, most = KEYS[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
do`, piece100, `end
return nil
end
local function item(connections, process, number, admitted, most)`, piece100, `end
local replies, done = {}, 0
local own = #ARGV > 6 and 4 or 0
local function run()
while done < items do
local key = done * 1
local arg = 2 + done * own
done = done + 1`, piece11, piece6),
}

/**
 * Remove a connection from those of its user.
 *
 * It is found by process and number: a process that never got the reply to its first call does not know the rest.
 *
 * - key `connections`: sorted set of a user: <admitted>:<process>:<number>; connect.lua leaves at most 101 members
 * - `process`: id of the process that had the connection
 * - `number`: the connection's number in that process
 * - replies 1 if it was there
 * - on a full server runs: it deletes a member
 */
export const notifierDisconnect: Script<[], [connections: string, process: Arg, number: Arg], number> = {
  name: 'notifier/disconnect',
  sha: '6f5dce6302690e6f082957a2ee6e72e3f1872e9b',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["connections"],
  args: ["process","number"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local MAX_MEMBERS = 101
local items = #KEYS / 1
if items == 1 then
local connections, process, number = KEYS[1], ARGV[1], ARGV[2]
do`, piece101, `end
return nil
end
local function item(connections, process, number)`, piece101, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Find channels on which the lease of a process has ended, so that its members are to be removed. So has one that ends later than any
 * lease can, because Redis' clock was set back.
 *
 * They are found again after `wait`, unless somebody removed the members: so processes share the work, and one that dies between this
 * call and the removal leaves it to others.
 *
 * - key `due`: sorted set: key `entries` of a channel, by the millisecond at which its first lease ends
 * - `wait`: milliseconds until another call may find them
 * - replies at most 100 keys `entries`
 * - on a full server runs: it adds nothing, and leads to what frees memory
 */
export const notifierDue: Script<[], [due: string, wait: Arg], readonly Reply[]> = {
  name: 'notifier/due',
  sha: 'c33a3ba0bd2d7b55afef9de25186294b2990bd24',
  batch: 1,
  sharedKeys: false,
  shared: [],
  keys: ["due"],
  args: ["wait"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, `local MOST = 100
local LONGEST_MS = 600000
local items = #KEYS / 1
if items == 1 then
local due, wait = KEYS[1], ARGV[1]
do`, piece102, `end
return nil
end
local function item(due, wait)`, piece102, `end
local replies, done = {}, 0
local own = #ARGV > 1 and 1 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1])`, piece6),
}

/**
 * Find the position at the end of a channel's history; without a history, fix the epoch of the next one.
 *
 * The position before a history's first event is <epoch>-0. The epoch is fixed here, before there is an event: publish.lua
 * takes it from the set when it begins the history. So the position of an empty channel belongs to one history, as every
 * other position does. If that history is lost, in whatever way, a later one has another epoch. If the set loses an epoch,
 * because it is full, evicted or deleted, a new epoch is fixed: at worst one reset too many, never a missing event.
 *
 * - key `history`: stream
 * - key `next`: sorted set for channels without a history: key and epoch of the next history
 * - replies the last event's id, or <epoch>-0
 * - on a full server runs: a subscriber needs its position; the set that it adds to has a bound
 */
export const notifierEnd: Script<[], [history: string, next: string], string> = {
  name: 'notifier/end',
  sha: '04118a9078b3af068429c4f69567ac47abd520d7',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["history","next"],
  args: [],
  returns: 'string',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece98, piece103, piece104, `local items = #KEYS / 2
if items == 1 then
local history, next = KEYS[1], KEYS[2]
do`, piece105, `end
return nil
end
local function item(history, next)`, piece105, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = done * 2
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2])`, piece6),
}

/**
 * Extend the life of a history, because a process follows its channel.
 *
 * - shared `lasts`: milliseconds from now; a later expiry stays
 * - key `history`: stream
 * - replies 1 if the expiry is later now
 * - on a full server runs: adds nothing
 */
export const notifierExtend: Script<[lasts: Arg], [history: string], number> = {
  name: 'notifier/extend',
  sha: 'd1ad4e23653c05935c4b6a29bbeca63b84a1ea5b',
  batch: 64,
  sharedKeys: false,
  shared: ["lasts"],
  keys: ["history"],
  args: [],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local lasts = ARGV[1]
local items = #KEYS / 1
if items == 1 then
local history = KEYS[1]
do
return redis.call('PEXPIRE', history, lasts, 'GT')
end
return nil
end
local function item(history)
return redis.call('PEXPIRE', history, lasts, 'GT')
end
local replies, done = {}, 0
local function run()
while done < items do
local key = done * 1
done = done + 1
local reply = item(KEYS[key + 1])`, piece6),
}

/**
 * Make somebody a member of a channel, for a process.
 *
 * A process that dies before the call has no member there; one that dies after it has one until its lease ends.
 *
 * - shared keys `sets`: sorted sets: key and epoch of the next history of channels without one; key `entries`, by the end of its first lease
 * - shared `keep`: events to keep of the channel's history, about
 * - shared `ttl`: milliseconds after its last event until the history expires
 * - shared `age`: milliseconds after which an event is deleted; 0: no limit
 * - shared `lease`: milliseconds for which a process counts after its last call
 * - key `counts`: hash: member -> processes that have it
 * - key `entries`: sorted set: <process>\n<member>
 * - key `leases`: sorted set: process, by the millisecond at which its lease ends
 * - key `history`: stream of the channel; `entries` if nothing is published
 * - `live`: pub/sub channel of the channel; empty if nothing is published
 * - `process`: id of the process
 * - `member`: the member
 * - replies 1 if the process had a lease; else 0: its other members must join again
 * - on a full server refused: it may add a member
 */
export const notifierJoin: Script<[sets: readonly string[], keep: Arg, ttl: Arg, age: Arg, lease: Arg], [counts: string, entries: string, leases: string, history: string, live: Arg, process: Arg, member: Arg], number> = {
  name: 'notifier/join',
  sha: 'dfbe9a911fd20a63b00bfd22402895d0cbb6dc3d',
  batch: 16,
  sharedKeys: true,
  shared: ["keep","ttl","age","lease"],
  keys: ["counts","entries","leases","history"],
  args: ["live","process","member"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece106, piece107, `local sets = KEYS
local keep = ARGV[1]
local ttl = ARGV[2]
local age = ARGV[3]
local lease = ARGV[4]`, piece108, `local items = (#ARGV - 4) / 3
if items == 1 then`, piece109, `do`, piece110, `end
return nil
end
local function item(counts, entries, leases, history, live, process, member)`, piece110, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 4 + done * 4
local arg = 4 + done * 3
done = done + 1`, piece111, piece6),
}

/**
 * End a membership of a process.
 *
 * - shared keys `sets`: sorted sets: key and epoch of the next history of channels without one; key `entries`, by the end of its first lease
 * - shared `keep`: events to keep of the channel's history, about
 * - shared `ttl`: milliseconds after its last event until the history expires
 * - shared `age`: milliseconds after which an event is deleted; 0: no limit
 * - shared `lease`: milliseconds for which a process counts after its last call
 * - key `counts`: hash: member -> processes that have it
 * - key `entries`: sorted set: <process>\n<member>
 * - key `leases`: sorted set: process, by the millisecond at which its lease ends
 * - key `history`: stream of the channel; `entries` if nothing is published
 * - `live`: pub/sub channel of the channel; empty if nothing is published
 * - `process`: id of the process
 * - `member`: the member
 * - replies 1
 * - on a full server runs: it frees memory; the history that it adds to has a bound
 */
export const notifierLeave: Script<[sets: readonly string[], keep: Arg, ttl: Arg, age: Arg, lease: Arg], [counts: string, entries: string, leases: string, history: string, live: Arg, process: Arg, member: Arg], number> = {
  name: 'notifier/leave',
  sha: '96ec5e5f90746b9d954154bbcfcb6aea965b3b58',
  batch: 16,
  sharedKeys: true,
  shared: ["keep","ttl","age","lease"],
  keys: ["counts","entries","leases","history"],
  args: ["live","process","member"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece106, piece107, `local sets = KEYS
local keep = ARGV[1]
local ttl = ARGV[2]
local age = ARGV[3]
local lease = ARGV[4]`, piece108, `local items = (#ARGV - 4) / 3
if items == 1 then`, piece109, `do`, piece112, `end
return nil
end
local function item(counts, entries, leases, history, live, process, member)`, piece112, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 4 + done * 4
local arg = 4 + done * 3
done = done + 1`, piece111, piece6),
}

/**
 * Send an event to the current listeners of a channel and of patterns; store nothing.
 *
 * - shared `nudges`: pub/sub channel of all nudges of the notifier, in the same slot
 * - key `live`: pub/sub channel of the channel's subscribers
 * - `channel`: its name
 * - `type`: the event's type
 * - `json`: the event's data
 * - replies how many connections got it
 * - on a full server runs: it stores nothing
 */
export const notifierNudge: Script<[nudges: Arg], [live: string, channel: Arg, type: Arg, json: Arg], number> = {
  name: 'notifier/nudge',
  sha: 'd82d15f99d8800b35bcbd6afa5d2215946a595c2',
  batch: 64,
  sharedKeys: false,
  shared: ["nudges"],
  keys: ["live"],
  args: ["channel","type","json"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local nudges = ARGV[1]
local items = #KEYS / 1
if items == 1 then
local live, channel, type, json = KEYS[1], ARGV[2], ARGV[3], ARGV[4]
do`, piece113, `end
return nil
end
local function item(live, channel, type, json)`, piece113, `end
local replies, done = {}, 0
local own = #ARGV > 4 and 3 or 0
local function run()
while done < items do
local key = done * 1
local arg = 1 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`, piece6),
}

/**
 * Read who is on a channel, after members of processes that are gone were removed.
 *
 * - shared keys `sets`: sorted sets: key and epoch of the next history of channels without one; key `entries`, by the end of its first lease
 * - shared `keep`: events to keep of the channel's history, about
 * - shared `ttl`: milliseconds after its last event until the history expires
 * - shared `age`: milliseconds after which an event is deleted; 0: no limit
 * - shared `lease`: milliseconds for which a process counts after its last call
 * - key `counts`: hash: member -> processes that have it
 * - key `entries`: sorted set: <process>\n<member>
 * - key `leases`: sorted set: process, by the millisecond at which its lease ends
 * - key `history`: stream of the channel; `entries` if nothing is published
 * - `live`: pub/sub channel of the channel; empty if nothing is published
 * - `most`: the most members to return, at most 1000
 * - replies '+' if there may be more members to remove, else ''; how many there are; members, any of them if there are more
 * - on a full server runs: it frees memory; the history that it adds to has a bound
 */
export const notifierPresent: Script<[sets: readonly string[], keep: Arg, ttl: Arg, age: Arg, lease: Arg], [counts: string, entries: string, leases: string, history: string, live: Arg, most: Arg], readonly Reply[]> = {
  name: 'notifier/present',
  sha: '6acd60c8ca033c7bc33f880daede04158d5ef640',
  batch: 8,
  sharedKeys: true,
  shared: ["keep","ttl","age","lease"],
  keys: ["counts","entries","leases","history"],
  args: ["live","most"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece106, piece107, `local sets = KEYS
local keep = ARGV[1]
local ttl = ARGV[2]
local age = ARGV[3]
local lease = ARGV[4]
lease = tonumber(lease)
local room = presence.room(sets, keep, ttl, tonumber(age))
local MOST_STEPS = 50
local function add_members(reply, counts, most)
local seen, cursor = {}, '0'
for _ = 1, MOST_STEPS do
local page = redis.call('HSCAN', counts, cursor, 'COUNT', most)
for at = 1, #page[2], 2 do
local member = page[2][at]
if not seen[member] and #reply < most + 2 then
seen[member] = true
reply[#reply + 1] = member
end
end
cursor = page[1]
if cursor == '0' or #reply == most + 2 then
return
end
end
end
local items = (#ARGV - 4) / 2
if items == 1 then
local counts, entries, leases, history, live, most = KEYS[#KEYS - items * 4 + 1], KEYS[#KEYS - items * 4 + 2], KEYS[#KEYS - items * 4 + 3], KEYS[#KEYS - items * 4 + 4], ARGV[5], ARGV[6]
do`, piece114, `end
return nil
end
local function item(counts, entries, leases, history, live, most)`, piece114, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 4 + done * 4
local arg = 4 + done * 2
done = done + 1`, piece115, piece6),
}

/**
 * Add an event to its channel's history and send it to subscribers: both or neither.
 *
 * The history is a stream whose ids are <epoch>-<offset>. The epoch is the time at which the history began, or that end.lua
 * fixed for it. The offset counts its events. The newest event is never trimmed, so that the count continues. It continues
 * from the last id that the stream generated, also when another program deleted that event.
 *
 * Invariant: every event that is sent is stored, and no id names two events. Redis refuses an XADD before it changes
 * anything, and the user's right to SPUBLISH is checked before: nothing can fail after the first write.
 *
 * - shared keys `next`: sorted set for channels without a history: key and epoch of the next history
 * - shared `keep`: events to keep, about
 * - shared `ttl`: milliseconds after its last event until the history expires
 * - shared `age`: milliseconds after which an event is deleted; 0: no limit
 * - shared `window`: milliseconds for which a dedup id is remembered
 * - key `history`: stream
 * - key `once`: string: the event id of the first publish with this dedup id; the history itself without a dedup id
 * - `live`: pub/sub channel in the same slot; not a key, because a key that never exists cannot move with a slot
 * - `kind`: the event's type
 * - `json`: the event's data
 * - `coalesce`: name of the value that the event updates: it supersedes earlier events of this name; empty for none
 * - `lasts`: milliseconds after which the event is no longer delivered; 0: no limit
 * - replies the event's id
 * - on a full server refused: it adds an event
 */
export const notifierPublish: Script<[next: readonly string[], keep: Arg, ttl: Arg, age: Arg, window: Arg], [history: string, once: string, live: Arg, kind: Arg, json: Arg, coalesce: Arg, lasts: Arg], string> = {
  name: 'notifier/publish',
  sha: '59fa9a4db52c54e9c82d25bb21493d74d214bd55',
  batch: 64,
  sharedKeys: true,
  shared: ["keep","ttl","age","window"],
  keys: ["history","once"],
  args: ["live","kind","json","coalesce","lasts"],
  returns: 'string',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece106, `local next = KEYS
local keep = ARGV[1]
local ttl = ARGV[2]
local age = ARGV[3]
local window = ARGV[4]`, piece116, `local items = (#ARGV - 4) / 5
if items == 1 then`, piece117, `do`, piece118, `end
return nil
end
local function item(history, once, live, kind, json, coalesce, lasts)`, piece118, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 2 + done * 2
local arg = 4 + done * 5
done = done + 1`, piece29, piece6),
}

/**
 * Add an event to its channel's history and send it to subscribers: both or neither.
 *
 * The history is a stream whose ids are <epoch>-<offset>. The epoch is the time at which the history began, or that end.lua
 * fixed for it. The offset counts its events. The newest event is never trimmed, so that the count continues. It continues
 * from the last id that the stream generated, also when another program deleted that event.
 *
 * Invariant: every event that is sent is stored, and no id names two events. Redis refuses an XADD before it changes
 * anything, and the user's right to SPUBLISH is checked before: nothing can fail after the first write.
 *
 * - shared keys `next`: sorted set for channels without a history: key and epoch of the next history
 * - shared `keep`: events to keep, about
 * - shared `ttl`: milliseconds after its last event until the history expires
 * - shared `age`: milliseconds after which an event is deleted; 0: no limit
 * - shared `window`: milliseconds for which a dedup id is remembered
 * - key `history`: stream
 * - key `once`: string: the event id of the first publish with this dedup id; the history itself without a dedup id
 * - `live`: pub/sub channel in the same slot; not a key, because a key that never exists cannot move with a slot
 * - `kind`: the event's type
 * - `json`: the event's data
 * - `coalesce`: name of the value that the event updates: it supersedes earlier events of this name; empty for none
 * - `lasts`: milliseconds after which the event is no longer delivered; 0: no limit
 * - replies the event's id
 * - on a full server runs: a revocation must take effect now; its history has a bound
 */
export const notifierRevoke: Script<[next: readonly string[], keep: Arg, ttl: Arg, age: Arg, window: Arg], [history: string, once: string, live: Arg, kind: Arg, json: Arg, coalesce: Arg, lasts: Arg], string> = {
  name: 'notifier/revoke',
  sha: 'f89d61cd2b4498651142a29b312b171985e23b1f',
  batch: 64,
  sharedKeys: true,
  shared: ["keep","ttl","age","window"],
  keys: ["history","once"],
  args: ["live","kind","json","coalesce","lasts"],
  returns: 'string',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece106, `local next = KEYS
local keep = ARGV[1]
local ttl = ARGV[2]
local age = ARGV[3]
local window = ARGV[4]`, piece116, `local items = (#ARGV - 4) / 5
if items == 1 then`, piece117, `do`, piece118, `end
return nil
end
local function item(history, once, live, kind, json, coalesce, lasts)`, piece118, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 2 + done * 2
local arg = 4 + done * 5
done = done + 1`, piece29, piece6),
}

/**
 * Extend the lease of a process on a channel, and remove members of processes that are gone.
 *
 * A process that ends gives itself a short lease, so that its members may join elsewhere before they count as gone.
 *
 * - shared keys `sets`: sorted sets: key and epoch of the next history of channels without one; key `entries`, by the end of its first lease
 * - shared `keep`: events to keep of the channel's history, about
 * - shared `ttl`: milliseconds after its last event until the history expires
 * - shared `age`: milliseconds after which an event is deleted; 0: no limit
 * - shared `lease`: milliseconds for which a process counts after its last call
 * - key `counts`: hash: member -> processes that have it
 * - key `entries`: sorted set: <process>\n<member>
 * - key `leases`: sorted set: process, by the millisecond at which its lease ends
 * - key `history`: stream of the channel; `entries` if nothing is published
 * - `live`: pub/sub channel of the channel; empty if nothing is published
 * - `process`: id of the process
 * - `lasts`: milliseconds until the lease ends
 * - `changes`: changes of the process, one a line, at most 64: 1 (joined) or 0 (left), and the member
 * - replies '1' if the lease had not ended; '0' if it had: its members must join again; '2' if one of the changes is lost: its members must join again as another process; '+' behind it: call again for more
 * - on a full server runs: it frees memory; the history that it adds to has a bound
 */
export const notifierRenew: Script<[sets: readonly string[], keep: Arg, ttl: Arg, age: Arg, lease: Arg], [counts: string, entries: string, leases: string, history: string, live: Arg, process: Arg, lasts: Arg, changes: Arg], string> = {
  name: 'notifier/renew',
  sha: 'df62c498c2bfea99abd6c2242380d6b176a155c0',
  batch: 8,
  sharedKeys: true,
  shared: ["keep","ttl","age","lease"],
  keys: ["counts","entries","leases","history"],
  args: ["live","process","lasts","changes"],
  returns: 'string',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece106, piece107, `local sets = KEYS
local keep = ARGV[1]
local ttl = ARGV[2]
local age = ARGV[3]
local lease = ARGV[4]`, piece108, `local items = (#ARGV - 4) / 4
if items == 1 then
local counts, entries, leases, history, live, process, lasts, changes = KEYS[#KEYS - items * 4 + 1], KEYS[#KEYS - items * 4 + 2], KEYS[#KEYS - items * 4 + 3], KEYS[#KEYS - items * 4 + 4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
do`, piece119, `end
return nil
end
local function item(counts, entries, leases, history, live, process, lasts, changes)`, piece119, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 4 + done * 4
local arg = 4 + done * 4
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], KEYS[key + 4], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4])`, piece6),
}

/**
 * Read a channel's events after a position.
 *
 * The position is lost in these cases: its epoch is not the history's; it is after the last event; another event has its
 * offset; its event or the one after it was deleted. Without a history only the position before the next one is good,
 * which end.lua fixed.
 *                    name (may be empty), type and data (both empty for an expired event and for an entry that another
 *                    program wrote); about 128 KiB
 *
 * - shared `age`: milliseconds after which an event is deleted; 0: no limit
 * - key `history`: stream
 * - key `next`: sorted set for channels without a history: key and epoch of the next history
 * - `position`: <epoch>-<offset>-<tag>; <epoch>-0 before the first event; - for the oldest event
 * - `count`: the most events
 * - replies 'ok' or 'lost', the position at the end (empty without a history), then of each event: id, coalesce
 */
export const notifierSince: Script<[age: Arg], [history: string, next: string, position: Arg, count: Arg], readonly Reply[]> = {
  name: 'notifier/since',
  sha: '3471d03057ca2828aaa1c079ac150125e83af439',
  batch: 1,
  sharedKeys: false,
  shared: ["age"],
  keys: ["history","next"],
  args: ["position","count"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece103, piece104, `local age = ARGV[1]
local ms = math.floor(now / 1000)
age = tonumber(age)
local MAX_BYTES = 131072
local PAGE = 20
local NONE = {}
local function extras(entry)
local fields = entry[2]
if #fields == 6 or not tag_of(entry) then
return NONE
end
local found = {}
for at = 7, #fields - 1, 2 do
found[fields[at]] = fields[at + 1]
end
return found
end
local function number(text, none)
return text and tonumber(text) or none
end
local function too_old(entry)
return age > 0 and number(extras(entry).a, math.huge) < ms - age
end
local function read(reply, history, from, count)
local bytes = 0
for _ = 1, math.ceil(count / PAGE) do
local page = redis.call('XRANGE', history, from, '+', 'COUNT', math.min(count, PAGE))
for _, entry in ipairs(page) do
if bytes >= MAX_BYTES then
return
end
local fields, extra = entry[2], extras(entry)
if not tag_of(entry) or number(extra.x, math.huge) <= ms then
reply[#reply + 1] = { tagged(entry), '', '', '' }
else
reply[#reply + 1] = { tagged(entry), extra.c or '', fields[2], fields[4] }
bytes = bytes + #fields[4]
end
from = '(' .. entry[1]
end
if #page < PAGE then
return
end
count = count - #page
end
end
local function oldest(history, last)
local first = redis.call('XRANGE', history, '-', '+', 'COUNT', 1)[1]
if not too_old(first) then
return first[1]
end
if too_old(last) then
return nil
end
local epoch, offset = string.match(last[1], '(%d+)-(%d+)')
local from, to = string.match(first[1], '(%d+)-(%d+)')
local old = from == epoch and tonumber(to) or 0
local kept = tonumber(offset)
for _ = 1, 53 do
local middle = math.floor((old + kept) / 2)
if middle <= old or middle >= kept then
break
end
local entry = redis.call('XRANGE', history, epoch .. '-' .. string.format('%.0f', middle), '+', 'COUNT', 1)[1]
if too_old(entry) then
old = middle
else
kept = middle
end
end
return epoch .. '-' .. string.format('%.0f', kept)
end
local function is_next(next, history, position)
local epoch = redis.call('ZSCORE', next, history)
return epoch and position == string.format('%.0f-0', epoch)
end
local items = #KEYS / 2
if items == 1 then
local history, next, position, count = KEYS[1], KEYS[2], ARGV[2], ARGV[3]
do`, piece120, `end
return nil
end
local function item(history, next, position, count)`, piece120, `end
local replies, done = {}, 0
local own = #ARGV > 3 and 2 or 0
local function run()
while done < items do
local key = done * 2
local arg = 1 + done * own
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Read the position at the end of a channel's history; fix nothing.
 *
 * - key `history`: stream
 * - replies the last event's id; empty without a history
 */
export const notifierTop: Script<[], [history: string], string> = {
  name: 'notifier/top',
  sha: 'c5a1c5c377eebc57014550a7d8997abedfd6ba10',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["history"],
  args: [],
  returns: 'string',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes`, piece103, piece104, `local items = #KEYS / 1
if items == 1 then
local history = KEYS[1]
do`, piece121, `end
return nil
end
local function item(history)`, piece121, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = done * 1
done = done + 1
local reply = item(KEYS[key + 1])`, piece6),
}

/**
 * Finish an entry of a worker and make several changes of its space: both, or nothing.
 *
 * Invariants. As record.lua; and only the consumer that has the lease of the entry's position makes changes. Finishing ends the lease, so
 * the changes of an entry are made once in its group, however often its handler runs. `answers` has the results of a consumer's last
 * commits, until it confirms them: so a commit of unknown fate can be sent again, and differs from a lost lease. A commit of other
 * effects does not get them: the entry is finished, so for that commit the lease is lost.
 *
 * When the worker's process dies: before the call, the lease ends and the entry is handled again. After the script, the entry and its
 * changes are done, its outcome is kept if that was asked for, and nobody handles it again. There is no moment between the two.
 *
 * - shared keys `keys`: stream, stream of entries to handle again, hash of answers, with order by key its places (stream/places.lua), with channels of outcomes the results and their times (stream/outcomes.lua); then those of the changes, at the indexes in the plan
 * - shared `each`: how many keys an item has
 * - shared `size`: how many texts the plan has
 * - shared `plan`: texts, each ending with a zero byte: the group; the consumer; groups of a work queue, - for an event log; 1 if WAIT follows; places of a key, 0 without order; prefix of the pub/sub channels of outcomes, empty where none are kept; a print of the effects; then groups of changes, see lua/_lib/record/effects.lua
 * - key `own`: of the changes
 * - `values`: texts, each ending with a zero byte: m for the stream or r for the entries to handle again, position, with order by key a space and the place, which the script finds where it is not given, positions whose answers were received, separated by spaces; the id and the milliseconds to keep its outcome, or nothing, or ? to find them in the entry; then those of the changes
 * - replies as record.lua; "=" and the first results of this delivery; "l": the lease is lost
 * - on a full server refused: it adds entries, members and events; the entry stays with its worker
 */
export const recordCommit: Script<[keys: readonly string[], each: Arg, size: Arg, plan: Arg], [...own: string[], values: Arg], number | string> = {
  name: 'record/commit',
  sha: '702e112759ac42fcbb48338ff75b1af045ae43ee',
  batch: 64,
  sharedKeys: true,
  shared: ["each","size","plan"],
  keys: ["own"],
  manyKeys: true,
  args: ["values"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua`, piece122, `local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece36, piece1, `local function load_adding()
local function due_at(due)
local delay = string.match(due, '^%+(%d+)$')
return delay and math.ceil(now / 1000) + delay or tonumber(due) or 0
end
local function load_limits()
local function earlier(a, b)
local a_time, a_number = string.match(a, '(%d+)-(%d+)')
local b_time, b_number = string.match(b, '(%d+)-(%d+)')
if a_time == b_time then
a_time, b_time = a_number, b_number
end
if #a_time ~= #b_time then
return #a_time < #b_time
end
return a_time < b_time
end
local MOST = '18446744073709551615'
local DIGITS = 9
local function plus_one(digits)
local head = string.sub(digits, 1, -DIGITS - 1)
local tail = string.format('%.0f', string.sub(digits, -DIGITS) + 1)
if head == '' then
return tail
end
if #tail > DIGITS then
return string.format('%.0f', head + 1) .. string.rep('0', DIGITS)
end
return head .. string.rep('0', DIGITS - #tail) .. tail
end
local function following(id)
local time, number = string.match(id, '(%d+)-(%d+)')
if number ~= MOST then
return time .. '-' .. plus_one(number)
end
return time == MOST and id or plus_one(time) .. '-0'
end
local function ids(stream, first, last, most)
local found, bytes = {}, 0
for step = 1, most do
local count = math.min(step == 1 and 4 or 16, most - #found)
if count <= 0 or bytes >= 262144 then
return found, false
end
local page = redis.call('XRANGE', stream, first, last, 'COUNT', count)
for _, entry in ipairs(page) do
found[#found + 1] = entry[1]
for _, text in ipairs(entry[2]) do
bytes = bytes + #text
end
end
if #page < count then
return found, true
end
first = '(' .. page[count][1]
end
return found, false
end
local limits = { backlog = nil, trim = nil }
local EVERY, MOST = 64, 256
local function finished(stream)
local bound
for _, group in ipairs(groups(stream)) do
local first
if group.pending > 0 then
first = redis.call('XPENDING', stream, group.name, '-', '+', 1)[1][1]
else
first = following(group['last-delivered-id'])
end
if not bound or earlier(first, bound) then
bound = first
end
end
return bound
end
function limits.backlog(stream)
if not stream.backlog then
local most = 0
for _, group in ipairs(stream.length > 0 and groups(stream.key) or {}) do
most = math.max(most, group.lag and group.lag + group.pending or stream.length)
end
stream.backlog = most
end
return stream.backlog
end
local function note_missed(stream, list, at)
local final = list[at - 1]
for _, group in ipairs(groups(stream.key)) do
local missed = 0
for before = at - 1, 1, -1 do
if not earlier(group['last-delivered-id'], list[before]) then
break
end
missed = missed + 1
end
if group.pending > 0 then
missed = missed + #redis.call('XPENDING', stream.key, group.name, list[1], final, at - 1)
end
if missed > 0 then
stream.missed[group.name] = (stream.missed[group.name] or 0) + missed
end
end
end
function limits.trim(stream)
local key, age = stream.key, stream.age
local bound = not stream.lossy and finished(key) or nil
local over = stream.entries > 0 and stream.length - stream.entries or 0
if stream.bytes > 0 then
local bytes = redis.pcall('MEMORY', 'USAGE', key)
if type(bytes) == 'number' and bytes > stream.bytes then
over = math.max(over, 2 * EVERY)
end
end
local oldest = age > 0 and now / 1000 - age or 0
local most = math.min(oldest > 0 and MOST or over, MOST)
if most <= 0 or (bound and not earlier(redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1][1], bound)) then
return 0
end
local list = ids(key, '-', '+', most + 1)
for at, id in ipairs(list) do
local wanted = at <= over or tonumber(string.match(id, '%d+')) < oldest
if at == #list or not wanted or (bound and not earlier(id, bound)) then
if at <= 1 then
return 0
end
if stream.lossy and stream.missed then
note_missed(stream, list, at)
end
return redis.call('XTRIM', key, 'MINID', '=', id)
end
end
return 0
end
return limits
end
local function load_ordered()
local function earlier(a, b)
local a_time, a_number = string.match(a, '(%d+)-(%d+)')
local b_time, b_number = string.match(b, '(%d+)-(%d+)')
if a_time == b_time then
a_time, b_time = a_number, b_number
end
if #a_time ~= #b_time then
return #a_time < #b_time
end
return a_time < b_time
end
local MOST = '18446744073709551615'
local DIGITS = 9
local function plus_one(digits)
local head = string.sub(digits, 1, -DIGITS - 1)
local tail = string.format('%.0f', string.sub(digits, -DIGITS) + 1)
if head == '' then
return tail
end
if #tail > DIGITS then
return string.format('%.0f', head + 1) .. string.rep('0', DIGITS)
end
return head .. string.rep('0', DIGITS - #tail) .. tail
end
local function following(id)
local time, number = string.match(id, '(%d+)-(%d+)')
if number ~= MOST then
return time .. '-' .. plus_one(number)
end
return time == MOST and id or plus_one(time) .. '-0'
end
local function reserve(stream)
if not stream.last then
local info = redis.call('XINFO', 'STREAM', stream.key)
for at = 1, #info, 2 do
if info[at] == 'last-generated-id' then
stream.last = info[at + 1]
end
end
end
local present = string.format('%.0f-0', math.floor(now / 1000))
local id = earlier(stream.last, present) and present or following(stream.last)
local done = redis.pcall('XSETID', stream.key, id)
if done.err then
return done
end
stream.last = id
return id
end
local function sortable(id)
local ms, number = string.match(id, '^(%d+)-(%d+)$')
return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end
local members = { from = nil }
function members.prefix(key, id)
return key .. '\\0' .. sortable(id) .. '\\0'
end
function members.from(key, delivery)
local more = ''
if delivery.a > 0 or delivery.f > 0 or delivery.v or delivery.o then
more = string.format('%.0f %.0f %.0f ', delivery.a, delivery.f, delivery.v or 0) .. (delivery.o or '')
end
return members.prefix(key, delivery.i) .. (delivery.t or '') .. '\\0' .. more .. '\\0' .. delivery.d
end
function members.entry(member, length)
length = length or #string.match(member, '^[^%z]*')
local ms, number, trace, more, payload =
string.match(member, '^%z%u(%d+)%u(%d+)%z([^%z]*)%z([^%z]*)%z(.*)$', length + 1)
if not ms then
return nil
end
local delivery = { i = ms .. '-' .. number, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil }
if more ~= '' then
local a, f, v, o = string.match(more, '^(%d+) (%d+) (%d+) (.*)$')
if not a then
return nil
end
delivery.a, delivery.f = tonumber(a), tonumber(f)
delivery.v = v ~= '0' and tonumber(v) or nil
delivery.o = o ~= '' and o or nil
end
return delivery
end
function members.may_run(member, length)
return string.find(member, '^%z%u%d+%u%d+%z[^%z]*%z%z', length + 1) ~= nil
end
function members.position(position)
return string.match(position, '^([^/]*)/(%d+)$')
end
function members.of_run(fields, nth)
local member = fields[1] == 'k' and fields[2 * nth + 1] == 'm' and fields[2 * nth + 2]
local delivery = member and members.entry(member)
if delivery then
delivery.k = fields[2]
end
return delivery or nil
end
local function load_members()
return members
end
local entry = {}
local function fields_of(stream, id)
local found = redis.call('XRANGE', stream, id, id)[1]
if not found then
return nil
end
local fields, named = found[2], {}
for at = 1, #fields, 2 do
named[fields[at]] = named[fields[at]] or fields[at + 1]
end
return fields, named
end
local function is_count(text)
return text and #text <= 15 and string.match(text, '^%d+$')
end
local function added(fields, named)
local names = 'd' .. (named.t and 't' or '') .. (named.n and 'n' or '') .. (named.o and 'o' or '')
.. (named.k and 'k' or named.q and 'q' or '')
for at = 1, #fields, 2 do
if fields[at] ~= string.sub(names, (at + 1) / 2, (at + 1) / 2) then
return false
end
end
return #fields == 2 * #names and (not named.n or is_count(named.n))
end
function entry.read(stream, id)
local fields, named = fields_of(stream, id)
if not fields then
return nil
end
if added(fields, named) then
return { i = id, a = 0, f = 0, d = named.d, t = named.t, n = tonumber(named.n or nil), k = named.k, q = named.q, o = named.o }
end
return { i = id, a = 0, f = 0, d = named.d or fields[2] }
end
function entry.read_ready(stream, id)
local position, nth = string.match(id, '^([^/]*)/(%d+)$')
local fields, named = fields_of(stream, position or id)
if not fields then
return nil
end
if position then
return load_members().of_run(fields, nth) or { i = '0-0', a = 0, f = 0, d = fields[2 * nth + 2] or '', foreign = true }
end
if named.k and not named.a and not named.f then
named.a, named.f = '0', '0'
end
if string.match(named.i or '', '^%d+%-%d+$') and is_count(named.a) and is_count(named.f) and named.d then
local v = is_count(named.v) and tonumber(named.v) or nil
local k = not named.g and named.k or nil
return { i = named.i, a = tonumber(named.a), f = tonumber(named.f), d = named.d, t = named.t, v = v, k = k, q = named.q, o = named.o }
end
return { i = '0-0', a = 0, f = 0, d = named.d or fields[2], foreign = true }
end
function entry.put_ready(ready, delivery)
if delivery.foreign then
return redis.call('XADD', ready, '*', 'd', delivery.d)
end
local place = delivery.k
if place and delivery.f == 0 and delivery.a == 0 and not delivery.t and not delivery.v and not delivery.o then
return redis.call('XADD', ready, '*', 'i', delivery.i, 'd', delivery.d, 'k', place)
end
local add = { 'XADD', ready, '*', 'i', delivery.i, 'a', delivery.a, 'f', delivery.f, 'd', delivery.d }
for _, name in ipairs({ 't', 'v', 'k', 'o' }) do
if delivery[name] then
add[#add + 1] = name
add[#add + 1] = delivery[name]
end
end
return redis.call(unpack(add))
end
function entry.put_delayed(delayed, delivery, due)
local fields = { delivery.i, delivery.a, delivery.f, delivery.d, delivery.t }
if delivery.k or delivery.q or delivery.o or delivery.v then
fields[5], fields[6], fields[7], fields[8] = delivery.t or '', delivery.k or '', delivery.q or '', delivery.o
end
if delivery.v then
fields[8], fields[9] = delivery.o or '', delivery.v
end
local packed = cmsgpack.pack(fields)
redis.call('ZADD', delayed, string.format('%.0f', due), packed)
return packed
end
function entry.attempts(delivery, usual)
return tonumber(delivery.o and string.match(delivery.o, 'a(%d+)') or usual)
end
function entry.give_back(ready, delayed, delivery, ms)
delivery.f = delivery.f + 1
if delivery.n and delivery.n > ms then
entry.put_delayed(delayed, delivery, delivery.n)
else
entry.put_ready(ready, delivery)
end
end
function entry.put_dead(dead, delivery, group, kind, reason)
local i, a, f, d = delivery.i, delivery.a, delivery.f, delivery.d
local add = { 'XADD', dead, '*', 'i', i, 'a', a, 'f', f, 'g', group, 'k', kind, 'e', reason, 'd', d }
local q = delivery.q or delivery.k and string.match(delivery.k, '^[^\\1]*')
for name, value in pairs({ t = delivery.t, q = q, o = delivery.o }) do
add[#add + 1] = name
add[#add + 1] = value
end
return redis.call(unpack(add))
end
function entry.unpacked(packed)
local ok, found = pcall(cmsgpack.unpack, packed)
if not ok or type(found) ~= 'table' then
return nil
end
local i, a, f, d, t, k, q, o, v = unpack(found, 1, 9)
local known = type(i) == 'string' and string.match(i, '^%d+%-%d+$') and type(a) == 'number' and type(f) == 'number'
if not known or type(d) ~= 'string' or (t ~= nil and type(t) ~= 'string') then
return nil
end
local function given(text)
return type(text) == 'string' and text ~= '' and text or nil
end
return { i = i, a = a, f = f, d = d, t = given(t), k = given(k), q = given(q), o = given(o), v = type(v) == 'number' and v or nil }
end
function entry.put_due(dead, group, packed, put)
local delivery = entry.unpacked(packed)
if delivery then
put(delivery)
else
local found = { i = '0-0', a = 0, f = 0, d = packed }
entry.put_dead(dead, found, group, 'invalid', 'a delayed entry cannot be read: something other than penknife wrote it')
end
return delivery ~= nil
end
local function expanded(value)
if not value or not string.find(value, ':', 1, true) then
return value
end
return (string.gsub(value, '(r[^/ ]*/)(%d+):(%d+)', function(run, first, last)
local all = {}
for nth = tonumber(first), tonumber(last) do
all[#all + 1] = run .. nth
end
return table.concat(all, ' ')
end))
end
local places = { open = nil }
local STEP, MOST_BYTES, SMALL, BEHIND = 4, 65536, 1024, '\\1'
function places.open(busy, queued, ready, most)
return { busy = busy, queued = queued, ready = ready, most = tonumber(most), small = false }
end
function places.wrong(of)
return typed(of.busy, 'hash') or typed(of.queued, 'zset')
end
function places.key_of(place)
return string.match(place, '^[^\\1]*')
end
local function named(key, number)
return number == 1 and key or key .. '\\1' .. number
end
function places.free(of, key)
for number = 1, of.most do
local place = named(key, number)
if redis.call('HEXISTS', of.busy, place) == 0 then
return place
end
end
end
function places.take(of, place, location)
redis.call('HSET', of.busy, place, location)
end
function places.get(of, place)
return expanded(redis.call('HGET', of.busy, place))
end
function places.first(of, place)
return string.match(places.get(of, place) or '', '^%S+')
end
function places.queue(of, key, delivery)
redis.call('ZADD', of.queued, 0, members.from(key, delivery))
end
function places.is_queued(of, key, id)
local prefix = members.prefix(key, id)
return redis.call('ZRANGE', of.queued, '[' .. prefix, '(' .. prefix .. '\\255', 'BYLEX', 'LIMIT', 0, 1)[1] ~= nil
end
function places.unqueue(of, key, delivery)
redis.call('ZREM', of.queued, members.from(key, delivery))
end
function places.queued_entry(member)
return members.entry(member)
end
function places.queued_match(id)
return '*' .. members.prefix('', id) .. '*'
end
local function first_queued(of, key, run)
local from, to = '[' .. key .. '\\0', '(' .. key .. '\\1'
local count = of.small and run or math.min(run, STEP)
local found = redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', '0', count)
of.small = found[1] and #found[1] < SMALL
if run > count and #found == count and of.small then
for _, member in ipairs(redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', count, run - count)) do
found[#found + 1] = member
end
end
return found
end
local function put_run(of, place, run)
local add = { 'XADD', of.ready, '*', 'k', place }
for at, member in ipairs(run) do
add[2 * at + 4], add[2 * at + 5] = 'm', member
end
return 'r' .. redis.call(unpack(add)) .. '/1:' .. #run
end
local function run_of(found, length)
local run, bytes = {}, 0
for at, member in ipairs(found) do
bytes = bytes + #member
if at > 1 and bytes > MOST_BYTES or not members.may_run(member, length) then
break
end
run[at] = member
end
return run, bytes
end
function places.pass_on(of, place, run, later)
local key, number = place, ''
if string.find(place, '\\1', 1, true) then
key, number = string.match(place, '^([^\\1]*)\\1(%d*)$')
end
local found = (tonumber(number) or 1) <= of.most and first_queued(of, key, run) or {}
later = later or { busy = {}, free = {}, behind = 0, alone = true }
local together, bytes = run_of(found, #key)
local locations
if together[2] then
locations = put_run(of, place, together)
later.behind = later.behind + #together - 1
redis.call('ZREM', of.queued, unpack(together))
elseif found[1] then
local delivery = members.entry(found[1], #key)
if delivery then
delivery.k = place
locations = 'r' .. entry.put_ready(of.ready, delivery)
else
entry.put_ready(of.ready, { foreign = true, d = found[1] })
end
redis.call('ZREM', of.queued, found[1])
end
if locations then
later.busy[#later.busy + 1] = place
later.busy[#later.busy + 1] = locations
else
later.free[#later.free + 1] = place
end
if later.alone then
places.done(of, later)
end
return bytes
end
local function count_behind(of, change)
if change ~= 0 and redis.call('HINCRBY', of.busy, BEHIND, change) <= 0 then
redis.call('HDEL', of.busy, BEHIND)
end
end
function places.done(of, later)
if later.busy[1] then
redis.call('HSET', of.busy, unpack(later.busy))
end
if later.free[1] then
redis.call('HDEL', of.busy, unpack(later.free))
end
count_behind(of, later.behind)
end
function places.run(location)
return string.match(location, '^(r[^/]*/)')
end
local function leave_run(of, location, rest)
local run = places.run(location)
if run and string.find(rest, run, 1, true) then
count_behind(of, -1)
end
end
function places.left(of, place, position)
local base = members.position(position)
if base and string.find(redis.call('HGET', of.busy, place) or '', 'r' .. base .. '/', 1, true) then
return nil
end
return base or position
end
function places.is_in(value, location)
return value and string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true) ~= nil
end
function places.positions(of, position)
local found = redis.call('XRANGE', of.ready, position, position)[1]
local fields = found and found[2] or {}
if fields[1] ~= 'k' or fields[3] ~= 'm' then
return { position }
end
local value, all, there = places.get(of, fields[2]), {}, {}
for nth = 1, #fields / 2 - 1 do
all[nth] = position .. '/' .. nth
if places.is_in(value, 'r' .. all[nth]) then
there[#there + 1] = all[nth]
end
end
return there[1] and there or all
end
function places.follows(value, location)
if not value or value == location then
return false
end
local at = string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true)
return at ~= nil and at > 1
end
function places.list(value)
local list = { from = 1 }
for each in string.gmatch(expanded(value) or '', '%S+') do
list[#list + 1] = each
end
return list
end
function places.shift(list, location)
if list[list.from] == location then
list.from = list.from + 1
return true
end
for at = list.from + 1, #list do
if list[at] == location then
return false
end
end
return not places.run(location)
end
function places.without(value, location)
local left = {}
for each in string.gmatch(value or '', '%S+') do
if each ~= location then
left[#left + 1] = each
end
end
return table.concat(left, ' ')
end
function places.leave(of, place, location, run)
local rest = places.without(places.get(of, place), location)
leave_run(of, location, rest)
if rest == '' then
places.pass_on(of, place, run)
else
redis.call('HSET', of.busy, place, rest)
end
end
function places.move(of, place, from, to)
local value = places.get(of, place)
if not value then
redis.call('HSET', of.busy, place, to)
return
end
local list = {}
for each in string.gmatch(value, '%S+') do
list[#list + 1] = each == from and to or each
end
local rest = table.concat(list, ' ')
leave_run(of, from, rest)
redis.call('HSET', of.busy, place, rest)
end
function places.later(due, id)
return 'd' .. string.format('%.0f', due) .. '/' .. id
end
function places.enter(of, key, delivery)
local place = places.free(of, key)
if not place then
places.queue(of, key, delivery)
return
end
delivery.k = place
places.take(of, place, 'r' .. entry.put_ready(of.ready, delivery))
end
function places.delayed_location(of, delivery)
local location
for each in string.gmatch(places.get(of, delivery.k) or '', '%S+') do
location = string.match(each, '^d%d+/(.*)$') == delivery.i and each or location
end
return location
end
function places.leave_delayed(of, delivery)
local location = places.delayed_location(of, delivery)
if location then
places.leave(of, delivery.k, location, 1)
end
end
function places.due(of, delivery)
local location = delivery.k and places.delayed_location(of, delivery)
if location then
places.move(of, delivery.k, location, 'r' .. entry.put_ready(of.ready, delivery))
elseif delivery.q or delivery.k then
places.enter(of, delivery.q or places.key_of(delivery.k), delivery)
else
entry.put_ready(of.ready, delivery)
end
end
local function has_earlier(of, key, id)
local found = redis.call('ZRANGE', of.queued, '[' .. key .. '\\0', '(' .. members.prefix(key, id), 'BYLEX', 'LIMIT', 0, 1)
return found[1] ~= nil
end
function places.give_back(of, delivery, location)
local place = delivery.k
local key, value = places.key_of(place), places.get(of, place)
if not places.is_in(value, location) then
places.enter(of, key, delivery)
elseif places.follows(value, location) or has_earlier(of, key, delivery.i) then
places.queue(of, key, delivery)
places.leave(of, place, location, 1)
else
places.move(of, place, location, 'r' .. entry.put_ready(of.ready, delivery))
end
end
function places.dissolve(of, run)
for _, position in ipairs(places.positions(of, run)) do
local delivery = entry.read_ready(of.ready, position)
if delivery and delivery.k then
places.give_back(of, delivery, 'r' .. position)
end
end
redis.call('XDEL', of.ready, run)
end
function places.bury(of, delivery, location, position, stops)
if stops then
places.move(of, delivery.k, location, 'x' .. position)
else
places.leave(of, delivery.k, location, 1)
end
end
local ordered = { wrong = nil, add = nil, is_queued = nil }
local function places_of(stream)
stream.held = stream.held or places.open(stream.busy, stream.queued, nil, stream.places)
return stream.held
end
function ordered.wrong(stream)
return places.wrong(places_of(stream))
end
function ordered.is_queued(stream, key, id)
return places.is_queued(places_of(stream), key, id)
end
function ordered.add(stream, key, payload, trace, own)
local of = places_of(stream)
local place = places.free(of, key)
if not place then
local id = reserve(stream)
if type(id) == 'table' then
return id
end
redis.call('HINCRBY', of.busy, '', 1)
places.queue(of, key, { i = id, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil, o = own ~= '' and own or nil })
return id
end
local id
if trace == '' and own == '' then
id = redis.pcall('XADD', stream.key, '*', 'd', payload, 'k', place)
else
local add = { 'XADD', stream.key, '*', 'd', payload }
for _, field in ipairs({ { 't', trace }, { 'o', own }, { 'k', place } }) do
if field[2] ~= '' then
add[#add + 1] = field[1]
add[#add + 1] = field[2]
end
end
id = redis.pcall(unpack(add))
end
if type(id) ~= 'table' then
places.take(of, place, 'm' .. id)
end
return id
end
return ordered
end
local function load_tagging()
local function sortable(id)
local ms, number = string.match(id, '^(%d+)-(%d+)$')
return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end
local tagging = { open = nil, wrong = nil, put = nil, replace = nil }
local MOST, MOST_TAGS = 64, 8
function tagging.open(key, limits)
local entries, age = string.match(limits, '(%d+) (%d+)')
local step = math.min(MOST, math.ceil(entries / 16))
return { key = key, entries = tonumber(entries), age = tonumber(age), step = step, count = nil, fresh = true }
end
function tagging.wrong(of)
local count = redis.pcall('ZCOUNT', of.key, '0', '0')
if type(count) == 'table' then
return count
end
of.count = count
return denied({ 'ZADD', 'ZREM', 'ZRANGE', 'PEXPIRE' }, of.key, {})
end
local function members(command, place, tags, scored)
command[#command + 1] = scored and '0' or nil
command[#command + 1] = '\\1' .. place .. tags
local count = 0
for tag in string.gmatch(tags, '\\1([^\\1]+)') do
count = count + 1
if count > MOST_TAGS then
break
end
command[#command + 1] = scored and '1' or nil
command[#command + 1] = tag .. '\\1' .. place
end
return command
end
local function oldest(of, most)
return redis.call('ZRANGE', of.key, '0', '0', 'BYSCORE', 'LIMIT', 0, most)
end
local function is_old(of, record)
return tonumber(string.match(record, '^\\1%a(%d+)') or 0) < now / 1000 - of.age
end
local function remove(of, records, must_go)
local command = { 'ZREM', of.key }
for _, record in ipairs(records) do
if not must_go(record) then
break
end
local place, tags = string.match(record, '^\\1([^\\1]*)(.*)$')
if place then
members(command, place, tags)
else
command[#command + 1] = record
end
of.count = of.count - 1
end
if #command > 2 then
redis.call(unpack(command))
end
end
function tagging.put(of, id, tags)
redis.call(unpack(members({ 'ZADD', of.key }, sortable(id), tags, true)))
of.count = of.count + 1
local fresh = of.fresh
if fresh then
of.fresh = false
redis.call('PEXPIRE', of.key, of.age)
end
if of.count - of.entries >= of.step or fresh and is_old(of, oldest(of, 1)[1]) then
remove(of, oldest(of, MOST), function(record)
return of.count > of.entries or is_old(of, record)
end)
end
end
function tagging.replace(of, id, tags)
local begin = '\\1' .. sortable(id) .. '\\1'
local records = redis.call('ZRANGE', of.key, '[' .. begin, '(\\1' .. sortable(id) .. '\\2', 'BYLEX', 'LIMIT', 0, 1)
remove(of, records, function()
return true
end)
if tags ~= '' then
tagging.put(of, id, tags)
end
end
return tagging
end
local append = { open = nil, prepare = nil, apply = nil, wrong = nil, split = nil, retag = nil }
local EVERY, LARGE = 64, 2048
function append.open(keys, from, limits)
local queue, most, entries, bytes, age, lossy, declare, names, tagged =
string.match(limits, '(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) ?([^;]*);?(.*)')
local ordered = queue ~= '0' and queue ~= '1' and load_ordered() or nil
local tagging = tagged ~= '' and load_tagging() or nil
return {
key = keys[from],
queue = queue ~= '0',
ordered = ordered,
busy = keys[from + 1],
queued = keys[from + 2],
tagging = tagging,
tags = tagging and tagging.open(keys[from + (ordered and 3 or 1)], tagged),
places = queue - 1,
last = nil,
most = tonumber(most),
counts = queue ~= '1' or most ~= '0',
entries = tonumber(entries),
bytes = tonumber(bytes),
age = tonumber(age),
lossy = lossy == '1',
declares = declare == '1',
names = names,
length = nil,
backlog = nil,
prepared = 0,
fresh = true,
bounds = nil,
count = nil,
put = nil,
}
end
local function limits_of(stream)
stream.bounds = stream.bounds or load_limits()
return stream.bounds
end
local function backlog_of(stream)
return stream.queue and stream.length or limits_of(stream).backlog(stream)
end
local function declare(stream)
for name in string.gmatch(stream.names, '%S+') do
local made = redis.pcall('XGROUP', 'CREATE', stream.key, name, '0', 'MKSTREAM')
if made.err and not string.match(made.err, '^BUSYGROUP') then
return made
end
end
end
function append.wrong(stream)
return stream.ordered and stream.ordered.wrong(stream) or stream.tagging and stream.tagging.wrong(stream.tags) or nil
end
function append.split(stream, payload)
local from = stream.tagging and string.find(payload, '\\1', 1, true)
if not from then
return payload, ''
end
return string.sub(payload, 1, from - 1), string.sub(payload, from)
end
function append.retag(stream, id, tags)
if stream.tagging then
stream.tagging.replace(stream.tags, id, tags)
end
end
function append.prepare(stream)
if not stream.length then
local length = redis.pcall('XLEN', stream.key)
if type(length) == 'table' then
return length
end
if stream.ordered or stream.tagging then
local wrong = append.wrong(stream)
if wrong then
return wrong
end
length = stream.ordered and length + redis.call('ZCARD', stream.queued) or length
end
if stream.count then
local more = stream.count()
if type(more) == 'table' then
return more
end
length = length + more
end
stream.length = length
stream.declares = stream.names ~= ''
and (stream.declares or (length == 0 or stream.ordered or stream.put) and redis.call('EXISTS', stream.key) == 0)
end
if stream.counts then
local most = stream.most - stream.prepared
if stream.most > 0 and stream.length >= most and backlog_of(stream) >= most then
return false
end
stream.prepared = stream.prepared + 1
end
return true
end
local function added(stream, payload)
local length = stream.length + 1
stream.length = length
if stream.backlog then
stream.backlog = stream.backlog + 1
end
if not stream.queue then
local every = #payload <= LARGE and EVERY or math.max(1, math.floor(EVERY * LARGE / #payload))
if length % every == 0 or (stream.fresh and stream.age > 0) then
local ok, trimmed = pcall(limits_of(stream).trim, stream)
stream.length = ok and length - trimmed or length
end
end
stream.fresh = false
end
function append.apply(stream, payload, trace, due)
local counts, declares = stream.counts, stream.declares
if counts then
stream.prepared = stream.prepared - 1
end
if declares then
local refused = declare(stream)
if refused then
return refused
end
stream.declares = false
end
local id, key, tags
local own = ''
if stream.tagging then
payload, tags = append.split(stream, payload)
end
if stream.ordered then
due, key = string.match(due, '^(%S*) ?(.*)$')
end
if due ~= '' then
due, own = string.match(due, '^([^;]*);?(.*)$')
end
if key and key ~= '' and due == '' then
id = stream.ordered.add(stream, key, payload, trace, own)
elseif stream.put then
id = stream.put(stream, payload, trace, due, own)
elseif trace == '' and due == '' and own == '' then
id = redis.pcall('XADD', stream.key, '*', 'd', payload)
else
local add = { 'XADD', stream.key, '*', 'd', payload }
if trace ~= '' then
add[#add + 1] = 't'
add[#add + 1] = trace
end
if due ~= '' then
add[#add + 1] = 'n'
add[#add + 1] = string.format('%.0f', due_at(due))
end
if own ~= '' then
add[#add + 1] = 'o'
add[#add + 1] = own
end
if key and key ~= '' then
add[#add + 1] = 'q'
add[#add + 1] = key
end
id = redis.pcall(unpack(add))
end
if (stream.ordered or stream.put) and type(id) == 'string' then
stream.last = id
end
if type(id) == 'table' then
if declares then
error(id)
end
return id
end
if tags and tags ~= '' then
stream.tagging.put(stream.tags, id, tags)
end
if counts then
added(stream, payload)
end
return id
end
local adding = { rank = 4, texts = 3, lean_texts = 1, fields = 1, open = nil, commands = nil, prepare = nil, apply = nil }
function adding.open(group, keys, from, _, fields, at, streams)
local key = keys[from]
streams[key] = streams[key] or append.open(keys, from, fields[at])
group.of = streams[key]
end
function adding.commands(group)
if group.of.ordered then
return { 'XADD', 'XGROUP', 'XSETID', 'XINFO', 'ZADD', 'HEXISTS', 'HSET', 'HINCRBY' }
end
return group.of.names ~= '' and { 'XADD', 'XGROUP' } or { 'XADD' }
end
function adding.prepare(group)
local stream = group.of
stream.prepared = 0
for nth = 1, group.n do
local may = append.prepare(stream)
if may == false then
return nil, nth .. ' full'
elseif may ~= true then
return nil, may
end
end
return true
end
function adding.apply(group, _, texts, from)
local stream, lean = group.of, group.lean
if lean and group.n == 1 then
return append.apply(stream, texts[from], '', '')
end
local ids = {}
for nth = 1, group.n do
local id
if lean then
id = append.apply(stream, texts[from], '', '')
from = from + 1
else
id = append.apply(stream, texts[from], texts[from + 1], texts[from + 2])
from = from + 3
end
if type(id) == 'table' then
if nth > 1 then
error(id)
end
return id
end
ids[nth] = id
end
return table.concat(ids, '\\n')
end
return adding
end
local function load_publishing()
local publication = { prepare = nil, apply = nil }
local ms = math.floor(now / 1000)
local allowed = {}
local function time_of(event)
return event[2][7] == 'a' and tonumber(event[2][8]) or nil
end
local function trim_old(history, age)
local first = redis.call('XRANGE', history, '-', '+', 'COUNT', 3)
local cut
for at = 1, #first - 1 do
local at_ms = time_of(first[at])
if at_ms and at_ms >= ms - age then
break
end
cut = first[at + 1][1]
end
if cut then
redis.call('XTRIM', history, 'MINID', '=', cut)
end
end
local function id_after(id)
local epoch, offset = string.match(id, '(%d+)-(%d+)')
if tonumber(epoch) >= 9e15 then
return nil
end
if #offset < 15 then
return epoch .. '-*'
end
return string.format('%.0f-1', math.max(now, epoch + 1))
end
local function last_generated(history)
local info = redis.call('XINFO', 'STREAM', history)
for at = 1, #info, 2 do
if info[at] == 'last-generated-id' then
return info[at + 1]
end
end
end
local function add(channel, ...)
local history, keep = channel.history, channel.keep
local id = redis.pcall('XADD', history, 'MAXLEN', '~', keep, channel.id, ...)
if not id.err or not string.find(id.err, 'equal or smaller', 1, true) then
return id
end
local next_id = id_after(last_generated(history))
return next_id and redis.pcall('XADD', history, 'MAXLEN', '~', keep, next_id, ...) or id
end
function publication.prepare(channel, once)
local first = once and redis.pcall('GET', once)
if first then
return first
end
local newest = redis.pcall('XREVRANGE', channel.history, '+', '-', 'COUNT', '1')
if newest.err then
return newest
end
local last = newest[1]
if last then
local id = id_after(last[1])
if not id then
return { err = 'ERR nothing can follow the id ' .. last[1] .. ' of ' .. channel.history .. ', which penknife did not write: delete that entry' }
end
local fields = last[2]
channel.id = id
channel.tag = fields[5] == 'g' and fields[6] or ''
channel.at = channel.age > 0 and time_of(last) or 0
channel.reserved = string.sub(last[1], -2) == '-0'
else
channel.tag, channel.at, channel.reserved = '', 0, true
end
if channel.reserved then
local epoch = redis.pcall('ZSCORE', channel.next, channel.history)
if epoch and epoch.err then
return epoch
end
channel.reserved = epoch
if not last then
channel.id = string.format('%.0f-1', epoch or now)
end
end
local live = channel.live
if allowed[live] == nil then
allowed[live] = redis.acl_check_cmd('SPUBLISH', live, '')
end
return allowed[live] or { err = 'ERR the user may not publish on the channel ' .. live }
end
function publication.apply(channel, once, kind, json, coalesce, lasts)
local history, age = channel.history, channel.age
local tag = string.sub(redis.sha1hex(channel.tag .. '\\n' .. kind .. '\\n' .. json), 1, 6)
local id
if age == 0 and coalesce == '' and lasts == '0' then
id = add(channel, 't', kind, 'd', json, 'g', tag)
else
local fields = { 't', kind, 'd', json, 'g', tag }
if age > 0 then
fields[#fields + 1] = 'a'
fields[#fields + 1] = string.format('%.0f', math.max(ms, channel.at))
end
if coalesce ~= '' then
fields[#fields + 1] = 'c'
fields[#fields + 1] = coalesce
end
if lasts ~= '0' then
fields[#fields + 1] = 'x'
fields[#fields + 1] = string.format('%.0f', ms + lasts)
end
id = add(channel, unpack(fields))
end
if id.err then
return id
end
channel.tag = tag
local event_id = id .. '-' .. tag
redis.call('SPUBLISH', channel.live, event_id .. '\\n' .. kind .. '\\n' .. json)
redis.call('PEXPIRE', history, channel.ttl)
if channel.reserved then
redis.call('ZREM', channel.next, history)
end
if once then
redis.call('SET', once, event_id, 'PX', channel.window)
end
if age > 0 then
trim_old(history, age)
end
return event_id
end
local publishing = { rank = 1, texts = 5, lean_texts = 3, fields = 3, open = nil, commands = nil, prepare = nil, apply = nil }
function publishing.open(group, keys, from, _, fields, at)
group.of = {
history = false,
next = keys[from],
live = false,
keep = fields[at],
ttl = fields[at + 1],
age = tonumber(fields[at + 2]),
window = 0,
id = '',
tag = '',
at = 0,
reserved = false,
}
end
function publishing.commands(group)
return group.of.age > 0 and { 'XADD', 'PEXPIRE', 'ZREM', 'XINFO', 'XRANGE', 'XTRIM' } or { 'XADD', 'PEXPIRE', 'ZREM', 'XINFO' }
end
function publishing.prepare(group, texts, from, key)
local channel = group.of
channel.history, channel.live = key, texts[from]
local may = publication.prepare(channel)
if may ~= true then
return nil, may
end
return true
end
local function read_again(channel)
local may = publication.prepare(channel)
if may ~= true then
error(may)
end
end
local function announce(group, texts, from, board)
local change = board.ranking[group.line]
if not change then
return ''
end
local json = texts[from + 2]
local coalesce, lasts = '', '0'
if not group.lean then
coalesce, lasts = texts[from + 3], texts[from + 4]
end
local before = json == '{}' and '{' or string.sub(json, 1, -2) .. ','
read_again(group.of)
return publication.apply(group.of, nil, texts[from + 1], before .. change .. '}', coalesce, lasts)
end
function publishing.apply(group, _, texts, from, other)
if other and other.announces then
return announce(group, texts, from, other)
end
local channel = group.of
if other then
read_again(channel)
end
if group.lean and group.n == 1 then
return publication.apply(channel, nil, texts[from + 1], texts[from + 2], '', '0')
end
local ids = {}
for nth = 1, group.n do
local id
if group.lean then
id = publication.apply(channel, nil, texts[from + 1], texts[from + 2], '', '0')
from = from + 3
else
id = publication.apply(channel, nil, texts[from + 1], texts[from + 2], texts[from + 3], texts[from + 4])
from = from + 5
end
if type(id) == 'table' then
if nth > 1 then
error(id)
end
return id
end
ids[nth] = id
end
return table.concat(ids, '\\n')
end
return publishing
end
local function load_changing()
local board = {}
function board.open(keys, plan)
local open = {}
for at, window in ipairs(plan.windows) do
local period = 1
if window.next then
if now < window.start or now >= window.finish then
return nil
end
period = now < window.next and 1 or 2
end
open[at] = {
z = keys[window.z[period]],
d = window.d and keys[window.d[period]],
period = period,
lives = window.lives and window.lives[period],
log = window.log and keys[window.log],
parts = window.parts and keys[window.parts],
gone = window.gone and keys[window.gone],
last = window.last,
grain = window.grain,
}
end
return open
end
function board.wrong(plan, keys, open)
local wrong
for _, window in ipairs(open) do
wrong = wrong
or typed(window.z, 'zset')
or window.d and typed(window.d, 'zset')
or window.log and (typed(window.log, 'stream') or typed(window.gone, 'hash'))
or window.parts and typed(window.parts, 'hash')
end
return wrong or plan.ids and (typed(keys[plan.ids], 'hash') or typed(keys[plan.idlog], 'stream'))
end
function board.score(plan, value)
return plan.shift and math.floor(value / plan.shift) or value
end
function board.value(plan, score, time)
if not plan.shift then
return score
end
local ticks = math.floor((time - plan.since) / plan.unit)
return score * plan.shift + math.max(0, math.min(ticks, plan.shift - 1))
end
function board.text(plan, value)
return string.format(plan.limit and '%d' or '%.17g', value)
end
local function name_of(score)
return string.format('%.17g', score + 0)
end
function board.range(plan, set, start, stop)
if plan.reverse then
return redis.call('ZRANGE', set, start, stop, 'REV', 'WITHSCORES')
end
return redis.call('ZRANGE', set, start, stop, 'WITHSCORES')
end
function board.members(plan, set, start, stop)
if plan.reverse then
return redis.call('ZRANGE', set, start, stop, 'REV')
end
return redis.call('ZRANGE', set, start, stop)
end
function board.position(plan, set, member)
if plan.reverse then
return redis.call('ZREVRANK', set, member)
end
return redis.call('ZRANK', set, member)
end
function board.count(plan, set, best, worst)
if plan.reverse then
return redis.call('ZCOUNT', set, worst or '-inf', best or '+inf')
end
return redis.call('ZCOUNT', set, best or '-inf', worst or '+inf')
end
function board.differ(plan, window, before, after)
local old = before and board.score(plan, before)
local new = after and board.score(plan, after)
if old == new then
return
end
if new then
redis.call('ZADD', window.d, new, name_of(new))
end
if old then
local low, high = old, old
if plan.shift then
low, high = old * plan.shift, old * plan.shift + plan.shift - 1
end
if #redis.call('ZRANGE', window.z, low, high, 'BYSCORE', 'LIMIT', 0, 1) == 0 then
redis.call('ZREM', window.d, name_of(old))
end
end
end
function board.write(plan, window, member, before, after)
if after then
redis.call('ZADD', window.z, board.text(plan, after), member)
else
redis.call('ZREM', window.z, member)
end
if window.d then
board.differ(plan, window, before, after)
end
end
function board.write_all(plan, window, before, after)
local put, off = {}, {}
for member, value in pairs(after) do
if value and value ~= before[member] then
put[#put + 1] = board.text(plan, value)
put[#put + 1] = member
elseif not value and before[member] then
off[#off + 1] = member
end
end
if #put > 0 then
redis.call('ZADD', window.z, unpack(put))
end
if #off > 0 then
redis.call('ZREM', window.z, unpack(off))
end
if window.d then
for member, value in pairs(after) do
board.differ(plan, window, before[member], value)
end
end
end
function board.keep_with_log(window)
if redis.call('PTTL', window.z) ~= -1 then
return
end
local left = redis.call('PTTL', window.log)
redis.call('PEXPIRE', window.z, left)
if window.d then
redis.call('PEXPIRE', window.d, left)
end
end
local stamp = string.format('%.0f-*', now)
function board.append(log, ...)
local id = redis.pcall('XADD', log, stamp, ...)
if type(id) == 'table' and id.err then
return redis.call('XADD', log, '*', ...)
end
return id
end
function board.time_of(id)
return tonumber(string.match(id, '^(%d+)%-%d+'))
end
local function period_ttl(window)
local left = redis.call('PTTL', window.z)
if left == -1 then
local life = math.ceil((window.lives - now) / 1000)
redis.call('PEXPIRE', window.z, life)
if window.d then
redis.call('PEXPIRE', window.d, life)
end
end
return left ~= -2
end
local function earlier(a, b)
local a_time, a_number = string.match(a, '(%d+)-(%d+)')
local b_time, b_number = string.match(b, '(%d+)-(%d+)')
if a_time == b_time then
a_time, b_time = a_number, b_number
end
if #a_time ~= #b_time then
return #a_time < #b_time
end
return a_time < b_time
end
local function take_part(window, id, member)
local amount = redis.call('HGET', window.parts, id)
redis.call('HDEL', window.parts, id)
if redis.call('HGET', window.parts, '=' .. member) == id then
redis.call('HDEL', window.parts, '=' .. member)
end
return amount or 0
end
local function remove_from_window(plan, window, budget)
local bound = now - window.last
if bound < 0 then
return budget
end
local cut = string.format('%.0f', bound)
local due = redis.call('XRANGE', window.log, '-', cut, 'COUNT', budget + 1)
if #due == 0 then
return budget
end
local newest = redis.call('XREVRANGE', window.log, '+', '-', 'COUNT', 1)[1][1]
if board.time_of(newest) <= bound then
redis.call('UNLINK', window.z, window.log, window.gone, window.parts or window.log, window.d or window.log)
return budget
end
if budget == 0 then
return -1
end
local count = math.min(#due, budget)
local members = {}
for at = 1, count do
members[at] = due[at][2][2]
end
local markers = redis.call('EXISTS', window.gone) == 1 and redis.call('HMGET', window.gone, unpack(members))
local sums, times, done = {}, {}, {}
for at, member in ipairs(members) do
local id, by = due[at][1], due[at][2][4]
local marker = markers and markers[at]
marker = marker and board.time_of(marker) and marker
if by == '' then
if marker == id then
done[#done + 1] = member
end
else
if by == '+' then
by = take_part(window, id, member)
end
by = tonumber(by)
if by and by ~= 0 and math.abs(by) < 2 ^ 53 and not (marker and earlier(id, marker)) then
sums[member] = (sums[member] or 0) + by
times[member] = plan.shift and board.time_of(id) + window.last
end
end
end
if #done > 0 then
redis.call('HDEL', window.gone, unpack(done))
end
local values = redis.call('ZMSCORE', window.z, unpack(members))
local before, after = {}, {}
for at, member in ipairs(members) do
local sum = sums[member]
if sum and before[member] == nil then
local value = tonumber(values[at]) or false
local score = (value and board.score(plan, value) or 0) - sum
before[member] = value
after[member] = score ~= 0 and board.value(plan, score, times[member])
end
end
board.write_all(plan, window, before, after)
board.keep_with_log(window)
local left = due[budget + 1]
redis.call('XTRIM', window.log, 'MINID', '=', left and left[1] or string.format('%.0f', bound + 1))
return left and -1 or budget - #due
end
local DUE = 32
local function remove_expired(plan, windows, most)
local budget = DUE
for _, window in ipairs(windows) do
if window.log then
budget = remove_from_window(plan, window, budget)
if budget < 0 then
return false
end
end
end
return not most or DUE - budget <= most
end
local function delete_old_ids(ids, idlog, window)
local bound = now - window
if bound < 0 then
return
end
local old = redis.call('XRANGE', idlog, '-', string.format('%.0f', bound), 'COUNT', 4)
for _, entry in ipairs(old) do
local field = entry[2][2]
local record = redis.call('HGET', ids, field)
if record and (board.time_of(record) or 0) <= board.time_of(entry[1]) then
redis.call('HDEL', ids, field)
end
redis.call('XDEL', idlog, entry[1])
end
end
local change_told = {}
local function tell_change(config)
if config.live and not change_told[config.live] then
change_told[config.live] = true
redis.pcall('SPUBLISH', config.live, '')
end
end
local scoring = { open = nil, prepare = nil, apply = nil }
local HARMLESS = 2 ^ 970
local LARGEST = 1.7976931348623157e308
local function moved(config, window, value, kind, amount)
local score = value and board.score(config, value)
local new = amount
if kind == 'i' then
new = (score or 0) + amount
elseif kind == 'b' and score and (score == amount or (score < amount) ~= (config.reverse == true)) then
new = score
end
if math.abs(new) > (config.limit or LARGEST) then
return nil
end
if window.log and new == 0 then
return false
end
return new == score and value or board.value(config, new, now)
end
local function is_stored(of, id)
local record = redis.call('HGET', of.keys[of.config.ids], 'i' .. id)
local time = record and board.time_of(record)
return time and now - time < of.config.dedup
end
local function plan_of(of, changes)
local made = { changes = changes, before = {}, after = {}, counts = {} }
local members, seen = {}, {}
for nth, change in ipairs(changes) do
local id = change[4]
members[nth] = change[2]
made.counts[nth] = not (id and (seen[id] or is_stored(of, id)))
seen[id or ''] = id
end
for at, window in ipairs(of.windows) do
local values = redis.call('ZMSCORE', window.z, unpack(members))
local before, after, last = {}, {}, {}
for nth, change in ipairs(changes) do
local member = change[2]
local value = last[member]
if value == nil then
value = tonumber(values[nth]) or false
end
before[nth] = value
if made.counts[nth] then
value = moved(of.config, window, value, change[1], change[3])
if value == nil then
return nil, member
end
end
after[nth] = value
last[member] = value
end
made.before[at], made.after[at] = before, after
end
return made
end
local function set_ttl(of, window)
local has_ttl = of.has_ttl
if has_ttl[window] or not (window.lives or window.log) then
return
end
if window.lives then
has_ttl[window] = period_ttl(window)
return
end
local left = redis.call('PTTL', window.z)
has_ttl[window] = left ~= -2
local last = math.ceil(window.last / 1000)
if left < last + 1800000 then
for _, key in ipairs({ window.z, window.log, window.gone, window.parts or window.log, window.d or window.log }) do
redis.call('PEXPIRE', key, last + 3600000)
end
end
end
local function log(of, window, member, amount)
amount = board.text(of.config, amount)
if not window.grain then
return board.append(window.log, 'm', member, 'b', amount)
end
local id = redis.call('HGET', window.parts, '=' .. member)
local time = id and board.time_of(id)
if not time or now - time >= window.grain then
id = board.append(window.log, 'm', member, 'b', '+')
redis.call('HSET', window.parts, '=' .. member, id)
end
if type(redis.pcall('HINCRBY', window.parts, id, amount)) == 'table' then
redis.call('HSET', window.parts, id, amount)
end
return id
end
local function store_id(of, id, member, amount, entries)
local config = of.config
local ids, idlog = of.keys[config.ids], of.keys[config.idlog]
delete_old_ids(ids, idlog, config.dedup)
local place = board.append(idlog, 'f', 'i' .. id)
local record = string.format('%s %.17g %s %s', place, amount, #entries > 0 and table.concat(entries, ',') or '-', member)
redis.call('HSET', ids, 'i' .. id, record)
if not of.has_ttl.ids then
of.has_ttl.ids = true
local life = math.ceil(config.dedup / 1000)
if redis.call('PTTL', ids) < life + 1800000 or redis.call('PTTL', idlog) < 0 then
redis.call('PEXPIRE', ids, life + 3600000)
redis.call('PEXPIRE', idlog, life + 3600000)
end
end
end
local function trim(of, window)
local config = of.config
local over = redis.call('ZCARD', window.z) - config.keep
if over <= 0 then
return
end
over = math.min(over, 64)
local dropped = config.reverse and redis.call('ZPOPMIN', window.z, over) or redis.call('ZPOPMAX', window.z, over)
for at = 1, #dropped, 2 do
if window.d then
board.differ(config, window, tonumber(dropped[at + 1]), false)
end
local there = false
for _, other in ipairs(of.windows) do
there = there or redis.call('ZSCORE', other.z, dropped[at])
end
if not there then
redis.call('HDEL', of.keys[config.data], dropped[at])
end
end
return dropped[#dropped - 1]
end
local function write(of, planned, first, last)
local config, changes, dropped = of.config, planned.changes, {}
for at, window in ipairs(of.windows) do
local before, after = planned.before[at], planned.after[at]
if first == last then
if before[first] ~= after[first] then
board.write(config, window, changes[first][2], before[first], after[first])
end
else
local was, is = {}, {}
for nth = first, last do
local member = changes[nth][2]
if was[member] == nil then
was[member] = before[nth]
end
is[member] = after[nth]
end
board.write_all(config, window, was, is)
end
for nth = first, last do
if not after[nth] then
of.has_ttl[window] = nil
end
end
end
for nth = first, last do
if planned.counts[nth] then
local change, entries = changes[nth], {}
local member, amount, id = change[2], change[3], change[4]
for _, window in ipairs(of.windows) do
if window.log and amount ~= 0 then
entries[#entries + 1] = log(of, window, member, amount)
end
end
if id then
store_id(of, id, member, amount, entries)
end
end
end
for at, window in ipairs(of.windows) do
set_ttl(of, window)
if config.keep then
dropped[at] = trim(of, window)
end
end
return dropped
end
local function value_text(of, value)
return value and board.text(of.config, value) or ''
end
local function plan_alone(of, changes)
local kind, member, amount, id = changes[1][1], changes[1][2], changes[1][3], changes[1][4]
local again = id and is_stored(of, id)
local before, after = {}, {}
for at, window in ipairs(of.windows) do
local value = tonumber(redis.call('ZSCORE', window.z, member)) or false
before[at] = value
if not again then
value = moved(of.config, window, value, kind, amount)
if value == nil then
return nil, member
end
end
after[at] = value
end
return { changes = changes, alone = true, again = again, before = before, after = after }
end
local function apply_alone(of, plan)
local change, config, entries = plan.changes[1], of.config, {}
local member, amount, id = change[2], change[3], change[4]
local before, after = plan.before, plan.after
for at, window in ipairs(plan.again and {} or of.windows) do
if before[at] ~= after[at] then
board.write(config, window, member, before[at], after[at])
end
if not after[at] then
of.has_ttl[window] = nil
end
if window.log and amount ~= 0 then
entries[#entries + 1] = log(of, window, member, amount)
end
set_ttl(of, window)
if config.keep then
trim(of, window)
end
end
if id and not plan.again then
store_id(of, id, member, amount, entries)
end
return value_text(of, after[1])
end
local function events(of, member, from, to, dropped)
local about = of.config.events
local window = of.windows[about.window]
local passed = {}
if to and about.overtaken > 0 and (not from or to < from) then
local last = to + about.overtaken
if from then
last = math.min(last, from)
end
passed = board.members(of.config, window.z, to + 1, last)
end
local entered, left = false, false
local top = about.top
if top > 0 then
local was, is = from and from < top, to and to < top
if is and not was then
entered = member
left = board.members(of.config, window.z, top, top)[1] or dropped or false
elseif was and not is then
left = member
entered = board.members(of.config, window.z, top - 1, top - 1)[1] or false
end
end
return { from, to, entered, left, passed }
end
local function change_and_reply(of, plan, nth, watch, wants_events)
local config, change = of.config, plan.changes[nth]
local kind, member = change[1], change[2]
local watched, ranked = of.windows[watch], wants_events and of.windows[config.events.window]
local from = watched and board.position(config, watched.z, member)
local ranked_from = ranked and board.position(config, ranked.z, member)
local dropped = plan.counts[nth] and write(of, plan, nth, nth) or {}
local reply = { value_text(of, plan.after[1][nth]), false, false }
if watched then
local before = plan.before[watch][nth]
local to = board.position(config, watched.z, member)
local after = to and redis.call('ZSCORE', watched.z, member)
local applied = plan.counts[nth] and (kind ~= 'b' or before ~= plan.after[watch][nth])
reply[2] = { applied and 1 or 0, before and board.text(config, before), after, from, to }
end
if ranked then
reply[3] = events(of, member, ranked_from, board.position(config, ranked.z, member), dropped[config.events.window])
end
return reply
end
function scoring.open(keys, plan)
return { keys = keys, config = cjson.decode(plan), windows = nil, current = nil, plain = nil, has_ttl = {} }
end
function scoring.prepare(of, changes, brief)
local config, keys = of.config, of.keys
if of.current == nil then
of.windows = board.open(keys, config)
if not of.windows then
return now
end
local wrong = board.wrong(config, keys, of.windows) or config.keep and typed(keys[config.data], 'hash')
if wrong then
return wrong
end
of.current = remove_expired(config, of.windows, math.max(16, 64 - #changes * #of.windows))
of.plain = not (config.shift or config.limit or config.keep or of.windows[1].d)
end
if not of.current then
return 0
end
if config.shift and (now < config.since or now > config.ending) then
return redis.error_reply('ERR the time is outside of the range of this board\\'s ties (since, until)')
end
local plan, member
if brief and #changes == 1 then
local change = changes[1]
if of.plain and change[1] == 'i' and not change[4] and math.abs(change[3]) < HARMLESS then
return change
end
plan, member = plan_alone(of, changes)
else
plan, member = plan_of(of, changes)
end
return plan or redis.error_reply('ERR the new score of ' .. member .. ' would be too large')
end
local function add(of, member, amount)
local windows, first = of.windows, nil
for at = 1, #windows do
local window = windows[at]
local value = redis.call('ZINCRBY', window.z, amount, member)
if window.lives or window.log then
set_ttl(of, window)
end
first = first or value
end
return first
end
function scoring.apply(of, plan, watch, wants_events)
tell_change(of.config)
local changes = plan.changes
if not changes then
return add(of, plan[2], plan[3])
end
if plan.alone then
return apply_alone(of, plan)
end
local replies = {}
if watch == 0 and not wants_events and not of.config.keep then
write(of, plan, 1, #changes)
for nth = 1, #changes do
replies[nth] = value_text(of, plan.after[1][nth])
end
return table.concat(replies, '\\n')
end
for nth, change in ipairs(changes) do
if of.config.keep then
replies[nth] = change_and_reply(of, plan_of(of, { change }), 1, watch, wants_events)
else
replies[nth] = change_and_reply(of, plan, nth, watch, wants_events)
end
end
return replies
end
local SMALL = 30000
local changing = { rank = 3, texts = 4, lean_texts = 2, fields = 1, open = nil, commands = nil, prepare = nil, apply = nil }
function changing.open(group, keys, from, to, fields, at)
group.of = scoring.open({ unpack(keys, from, to) }, fields[at])
group.announces, group.ranking, group.looked = group.name == 'announce', {}, false
end
function changing.commands(group)
local config = group.of.config
local rolling, dense = false, false
for _, window in ipairs(config.windows) do
rolling = rolling or window.log
dense = dense or window.d
end
local needed = 'ZADD ZREM ZINCRBY ZSCORE ZMSCORE ZCARD PTTL PEXPIRE'
if rolling then
needed = needed .. ' XADD XRANGE XREVRANGE XTRIM EXISTS HMGET HGET HSET HDEL HINCRBY UNLINK'
end
if dense then
needed = needed .. ' ZRANGE'
end
if config.keep then
needed = needed .. (config.reverse and ' ZPOPMIN HDEL ZREVRANK' or ' ZPOPMAX HDEL ZRANK')
end
if config.ids then
needed = needed .. ' XADD XRANGE XDEL HGET HSET HDEL'
end
if group.announces then
needed = needed .. (config.reverse and ' ZREVRANK ZRANGE' or ' ZRANK ZRANGE')
end
local commands = {}
for command in string.gmatch(needed, '%u+') do
commands[#commands + 1] = command
end
return commands
end
function changing.prepare(group, texts, from)
local of, lean = group.of, group.lean
local changes = {}
for nth = 1, group.n do
if lean then
changes[nth] = { 'i', texts[from], tonumber(texts[from + 1]) }
from = from + 2
else
local id = texts[from + 3]
changes[nth] = { texts[from], texts[from + 1], tonumber(texts[from + 2]), id ~= '' and id or nil }
from = from + 4
end
end
local plan = scoring.prepare(of, changes, not group.announces)
if type(plan) ~= 'table' or plan.err then
return nil, plan
end
if not group.looked then
group.looked = true
for _, window in ipairs(of.windows) do
group.small = group.small and redis.call('ZCARD', window.z) <= SMALL
end
end
return plan
end
local function json_of(value)
return value and cjson.encode(value) or 'null'
end
local function ranking_of(member, from, to, entered, left, passed)
if from == to and not entered and not left and #passed == 0 then
return false
end
local overtaken = {}
for at, each in ipairs(passed) do
overtaken[at] = cjson.encode(each)
end
return '"member":' .. cjson.encode(member)
.. ',"previousRank":' .. json_of(from and from + 1)
.. ',"rank":' .. json_of(to and to + 1)
.. ',"entered":' .. json_of(entered)
.. ',"left":' .. json_of(left)
.. ',"overtaken":[' .. table.concat(overtaken, ',') .. ']'
end
function changing.apply(group, plan)
local values = scoring.apply(group.of, plan, 0, group.announces)
if type(values) == 'string' then
return values
end
local lines = {}
for nth, reply in ipairs(values) do
lines[nth] = reply[1]
if group.announces then
group.ranking[nth] = ranking_of(plan.changes[nth][2], unpack(reply[3], 1, 5))
end
end
return table.concat(lines, '\\n')
end
return changing
end
local function load_raising()
local SMALL = 30000
local function period_ttl(window)
local left = redis.call('PTTL', window.z)
if left == -1 then
local life = math.ceil((window.lives - now) / 1000)
redis.call('PEXPIRE', window.z, life)
if window.d then
redis.call('PEXPIRE', window.d, life)
end
end
return left ~= -2
end
local raising = { rank = 3, texts = 2, fields = 1, open = nil, commands = nil, prepare = nil, apply = nil }
function raising.open(group, keys, from, _, fields, at)
local windows = {}
for text in string.gmatch(fields[at], '[^,]+') do
local words = {}
for word in string.gmatch(text, '%S+') do
words[#words + 1] = tonumber(word)
end
local first, second, start, turn, finish, lives, next_lives = unpack(words)
if start and (now < start or now >= finish) then
group.answer = now
elseif start and now >= turn then
first, lives = second, next_lives
end
windows[#windows + 1] = { z = keys[from + first - 1], lives = lives }
end
group.windows, group.looked = windows, false
end
function raising.commands(group)
local lives = false
for _, window in ipairs(group.windows) do
lives = lives or window.lives
end
return lives and { 'ZINCRBY', 'ZCARD', 'PTTL', 'PEXPIRE' } or { 'ZINCRBY', 'ZCARD' }
end
function raising.prepare(group)
if not group.looked then
group.looked = true
for _, window in ipairs(group.windows) do
local members = redis.pcall('ZCARD', window.z)
if type(members) == 'table' then
group.answer = group.answer or typed(window.z, 'zset') or members
elseif members > SMALL then
group.small = false
end
end
end
if group.answer then
return nil, group.answer
end
return true
end
local function raise(group, amount, member)
local first
for _, window in ipairs(group.windows) do
local value = redis.call('ZINCRBY', window.z, amount, member)
if window.lives then
period_ttl(window)
window.lives = nil
end
first = first or value
end
return first
end
function raising.apply(group, _, texts, from)
if group.n == 1 then
return raise(group, texts[from + 1], texts[from])
end
local values = {}
for nth = 1, group.n do
values[nth] = raise(group, texts[from + 1], texts[from])
from = from + 2
end
return table.concat(values, '\\n')
end
return raising
end
local function load_counted()
local counters = { open = nil, ready = nil, state = nil, save = nil, begin = nil, flush = nil, keep = nil, tell = nil }
local MOST_DUE = 32
local MOST_CHANGES = 128
function counters.open(keys, plan)
local numbers, channel = string.match(plan, '^([^\\n]*)\\n?(.*)$')
local words = {}
for word in string.gmatch(numbers, '%S+') do
words[#words + 1] = tonumber(word)
end
return {
keys = keys,
values = keys[1],
expiring = keys[2],
reserved = keys[3],
floor = words[1],
ceiling = words[2],
initial = words[3],
remember = words[4] * 1000,
start = words[5],
turn = words[6],
finish = words[7],
lives = words[8],
next_lives = words[9],
looked = false,
answer = nil,
kept = {},
states = nil,
changed = nil,
records = nil,
changed_records = nil,
made = nil,
ended = nil,
channel = channel,
followed = nil,
}
end
local function choose(of)
if not of.start then
return nil
end
if now < of.start or now >= of.finish then
return now
end
if now >= of.turn then
of.values, of.expiring, of.reserved, of.lives = of.keys[4], of.keys[5], of.keys[6], of.next_lives
end
end
local function parsed(of, text)
if not text then
return { of.initial, 0, 0 }
end
if type(text) == 'table' then
return text
end
local value, down, up = tonumber(text), 0, 0
if not value then
value, down, up = string.match(text, '^(%-?%d+) (%-?%d+) (%d+)$')
value, down, up = tonumber(value), tonumber(down), tonumber(up)
end
if not value or value % 1 ~= 0 or math.abs(value) > 9007199254740991 or down < -9007199254740991 or up > 9007199254740991 then
return { err = 'ERR ' .. of.values .. ' has a field that no counter wrote: set or delete it' }
end
return { value, down, up }
end
function counters.state(of, name)
local known = of.states and of.states[name]
if known then
return { known[1], known[2], known[3] }
end
return parsed(of, redis.pcall('HGET', of.values, name))
end
function counters.begin(of, names)
local texts = #names > 0 and redis.pcall('HMGET', of.values, unpack(names)) or {}
if texts.err then
return texts
end
local states = {}
for at, name in ipairs(names) do
local state = parsed(of, texts[at])
if state.err then
return state
end
states[name] = state
end
of.states, of.changed, of.made, of.ended = states, {}, {}, {}
of.records, of.changed_records = of.records or {}, {}
end
function counters.keep(of, key)
if of.lives and not of.kept[key] then
of.kept[key] = true
redis.call('PEXPIRE', key, math.max(1, math.ceil(of.lives - now / 1000)))
end
end
function counters.tell(of, sign, name)
if of.followed == nil then
local count = of.channel ~= '' and redis.pcall('PUBSUB', 'SHARDNUMSUB', of.channel)
of.followed = count and not count.err and count[2] > 0
end
if of.followed then
redis.pcall('SPUBLISH', of.channel, sign .. name)
end
end
local function write(of, states)
local set, gone = {}, {}
for name, state in pairs(states) do
local value, down, up = state[1], state[2], state[3]
if down ~= 0 or up ~= 0 then
set[#set + 1] = name
set[#set + 1] = string.format('%.0f %.0f %.0f', value, down, up)
elseif value == of.initial then
gone[#gone + 1] = name
else
set[#set + 1] = name
set[#set + 1] = string.format('%.0f', value)
end
end
if #set > 0 then
redis.call('HSET', of.values, unpack(set))
counters.keep(of, of.values)
end
if #gone > 0 then
redis.call('HDEL', of.values, unpack(gone))
end
end
function counters.save(of, states)
for name, state in pairs(states) do
if state.more and of.followed ~= false then
counters.tell(of, '+', name)
end
if state.less and of.followed ~= false then
counters.tell(of, '-', name)
end
if of.states then
of.states[name], of.changed[name] = state, state
end
end
if not of.states then
write(of, states)
end
end
function counters.flush(of)
write(of, of.changed)
local records = {}
for id, record in pairs(of.changed_records or {}) do
records[#records + 1] = id
records[#records + 1] = record
end
if #records > 0 then
redis.call('HSET', of.reserved, unpack(records))
counters.keep(of, of.reserved)
end
if #of.made > 0 then
redis.call('ZADD', of.expiring, unpack(of.made))
counters.keep(of, of.expiring)
end
if #of.ended > 0 then
redis.call('ZADD', of.expiring, 'GT', unpack(of.ended))
end
of.states = nil
end
local function give_back(of, record)
local states, count = {}, 0
for by, name in string.gmatch(record, '\\n(%-?%d+) ([^\\n]+)') do
local state = states[name] or counters.state(of, name)
count = count + 1
if not state.err then
by = tonumber(by)
if by < 0 then
state[2], state.more = math.min(0, state[2] - by), true
else
state[3], state.less = math.max(0, state[3] - by), true
end
states[name] = state
end
end
counters.save(of, states)
return count
end
local function expire(of, id)
local record = redis.call('HGET', of.reserved, id)
if record and string.sub(record, 1, 1) == 'r' then
local count = give_back(of, record)
redis.call('HSET', of.reserved, id, 'e')
redis.call('ZADD', of.expiring, string.format('%.0f', now + of.remember), id)
return count
end
redis.call('HDEL', of.reserved, id)
redis.call('ZREM', of.expiring, id)
return 1
end
function counters.ready(of)
if of.looked then
return of.answer
end
of.looked = true
of.answer = choose(of)
if of.answer then
return of.answer
end
local due = redis.pcall('ZRANGE', of.expiring, '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, MOST_DUE + 1)
if due.err then
of.answer = due
elseif #due > 0 then
of.answer = typed(of.values, 'hash') or typed(of.reserved, 'hash')
local changes = 0
for at = 1, of.answer and 0 or math.min(#due, MOST_DUE) do
if changes < MOST_CHANGES then
changes = changes + expire(of, due[at])
else
of.answer = 0
end
end
if #due > MOST_DUE then
of.answer = of.answer or 0
end
end
return of.answer
end
local dedup = { prepare = nil, apply = nil }
function dedup.prepare(key)
return redis.pcall('GET', key) or nil
end
function dedup.apply(key, answer, window)
redis.call('SET', key, answer, 'PX', window)
end
local counting = { prepare = nil, apply = nil, count = nil, count_once = nil }
local function text_of(state)
return string.format('%.0f %.0f %.0f', state[1], state[2], state[3])
end
local function change(state, by, set, floor, ceiling, hold)
local value, down, up = state[1], state[2], state[3]
if set then
if by + down < floor then
return 'floor'
end
if by + up > ceiling then
return 'ceiling'
end
state.more = state.more or by > value
state.less = state.less or by < value
state[1] = by
return nil
end
if by < 0 and value + down + by < floor then
return 'floor'
end
if by > 0 and value + up + by > ceiling then
return 'ceiling'
end
if not hold then
state[1] = value + by
state.more = state.more or by > 0
state.less = state.less or by < 0
elseif by < 0 then
state[2] = down + by
else
state[3] = up + by
end
end
function counting.prepare(of, changes, hold)
local wait = counters.ready(of)
if wait then
return wait
end
local states, lines, refused, at = {}, { '+' }, { '-' }, 0
for set, by, floor, ceiling, name in string.gmatch(changes, '(=?)(%-?%d+) (%S+) (%S+) ([^\\n]+)') do
at = at + 1
local state = states[name] or counters.state(of, name)
if state.err then
return state
end
states[name] = state
local reason = change(state, tonumber(by), set == '=', tonumber(floor) or of.floor, tonumber(ceiling) or of.ceiling, hold)
if reason then
refused[#refused + 1] = string.format('%d %s %s', at, reason, text_of(state))
else
lines[#lines + 1] = text_of(state)
end
end
if #refused > 1 then
return table.concat(refused, '\\n')
end
return { states = states, answer = table.concat(lines, '\\n') }
end
function counting.apply(of, plan)
counters.save(of, plan.states)
return plan.answer
end
function counting.count(of, changes)
local planned = counting.prepare(of, changes)
if type(planned) ~= 'table' or planned.err then
return planned
end
return counting.apply(of, planned)
end
function counting.count_once(of, key, changes, window)
local print = string.sub(redis.sha1hex(changes), 1, 10)
local first = dedup.prepare(key)
if first then
if type(first) == 'table' then
return first
end
return string.sub(first, 1, 10) == print and '=' .. string.sub(first, 12) or '!'
end
local planned = counting.prepare(of, changes)
if type(planned) ~= 'table' or planned.err then
return planned
end
local answer = counting.apply(of, planned)
dedup.apply(key, print .. answer, window)
return answer
end
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
local plan = counting.prepare(group.of, from == last and texts[from] or table.concat(texts, '\\n', from, last))
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
function counted.reaches(plan, line, text, target)
local at, after = 0, nil
for value in string.gmatch(plan.answer, '\\n(%S+)') do
at = at + 1
if at == line then
after = tonumber(value)
break
end
end
local before = after - string.match(text, '^%-?%d+')
return (before < target and after >= target) or (before > target and after <= target)
end
return counted
end
local function load_claiming()
local seeing = { open = nil, prepare = nil, apply = nil, trim = nil, see = nil }
local ms = math.floor(now / 1000)
local MOST_GONE = 128
function seeing.open(key, window, most)
return { key = key, window = tonumber(window), most = tonumber(most), trimmed = false, kept = false }
end
function seeing.prepare(of, id)
local score = redis.pcall('ZSCORE', of.key, id)
if type(score) == 'table' then
return score
end
return not score or tonumber(score) <= ms - of.window
end
function seeing.apply(of, id)
redis.call('ZADD', of.key, ms, id)
if not of.kept then
of.kept = true
redis.call('PEXPIRE', of.key, of.window)
end
end
function seeing.trim(of, added)
if of.trimmed then
return
end
of.trimmed = true
local over = redis.call('ZCARD', of.key) - of.most
local due = redis.call('ZCOUNT', of.key, '-inf', ms - of.window)
local count = math.min(math.max(MOST_GONE, 2 * (added or 0)), math.max(over, due))
if count > 0 then
redis.call('ZREM', of.key, unpack(redis.call('ZRANGE', of.key, 0, count - 1)))
end
end
function seeing.see(of, ids)
local scores = redis.pcall('ZMSCORE', of.key, unpack(ids))
if scores.err then
return scores
end
local answers, adds, seen = {}, {}, {}
local since, text = ms - of.window, string.format('%.0f', ms)
for at, id in ipairs(ids) do
local score = scores[at]
if seen[id] or score and tonumber(score) > since then
answers[at] = false
else
answers[at], seen[id] = true, true
adds[#adds + 1] = text
adds[#adds + 1] = id
end
end
if #adds > 0 then
redis.call('ZADD', of.key, unpack(adds))
redis.call('PEXPIRE', of.key, of.window)
seeing.trim(of, #adds / 2)
end
return answers
end
local claiming = { rank = 1, texts = 1, fields = 2, open = nil, commands = nil, prepare = nil, apply = nil }
function claiming.open(group, keys, from, _, fields, at)
group.of = seeing.open(keys[from], fields[at], fields[at + 1])
end
function claiming.commands()
return { 'ZADD', 'ZREM', 'ZRANGE', 'ZCARD', 'ZCOUNT', 'PEXPIRE' }
end
function claiming.prepare(group, texts, from)
for nth = 1, group.n do
local new = seeing.prepare(group.of, texts[from + nth - 1])
if new == false then
return nil, nth .. ' known'
elseif new ~= true then
return nil, new
end
end
return true
end
function claiming.apply(group, _, texts, from)
for nth = 1, group.n do
seeing.apply(group.of, texts[from + nth - 1])
end
seeing.trim(group.of)
return string.rep('\\n', group.n - 1)
end
return claiming
end
local function load_writing()
local objects = { prepare = nil, apply = nil, prepare_removal = nil, apply_removal = nil, expires = nil }
local LARGEST = 9007199254740991
local given = {}
local function look(key, request)
local stored = redis.pcall('HMGET', key, ':v', ':x')
if stored.err then
return stored
end
local version = tonumber(stored[1] or 0)
if not version or version > LARGEST then
return { err = 'ERR ' .. key .. ' was not written by objects: delete it' }
end
if request.version and request.version ~= version then
return string.format('v %.0f', version)
end
return nil, version, stored[2]
end
function objects.expires(key)
local wrong = redis.pcall('HPEXPIRE', key, 1, 'FIELDS', 1, ':none').err
return wrong == nil or string.sub(wrong, 1, 9) == 'WRONGTYPE'
end
local function text_of(number)
return number == math.floor(number) and math.abs(number) <= LARGEST and string.format('%.0f', number)
or string.format('%.17g', number)
end
function objects.prepare(key, request)
local refused, version, one = look(key, request)
if refused then
return refused
end
if one and not request.whole then
return 'w '
end
local set, gone, sums, lines = {}, {}, {}, {}
for _, op in ipairs(request.ops) do
local kind, field = op[1], op[2]
if kind == 's' then
set[field] = op[3]
elseif kind == 'd' then
gone[#gone + 1] = field
else
local before = sums[field] or not request.whole and redis.pcall('HGET', key, field) or '0'
local value = type(before) == 'string' and tonumber(before)
if not value then
return type(before) == 'table' and before or 'n ' .. field
end
local after = value + op[3]
if op[3] < 0 and after < op[4] then
return 'l ' .. field .. ' floor ' .. text_of(value)
end
if op[3] > 0 and after > op[5] then
return 'l ' .. field .. ' ceiling ' .. text_of(value)
end
if after ~= after or math.abs(after) == math.huge then
return 'n ' .. field
end
sums[field] = text_of(after)
set[field] = sums[field]
lines[#lines + 1] = sums[field]
end
end
return { set = set, gone = gone, lines = lines, whole = request.whole, version = math.max(version + 1, (given[key] or 0) + 1, now) }
end
function objects.apply(key, plan, ttl, field_ttl)
given[key] = plan.version
local fields = { ':v', string.format('%.0f', plan.version) }
local expiring = {}
for field, json in pairs(plan.set) do
fields[#fields + 1] = field
fields[#fields + 1] = json
expiring[#expiring + 1] = field
end
if plan.whole then
redis.call('DEL', key)
elseif #plan.gone > 0 then
redis.call('HDEL', key, unpack(plan.gone))
end
redis.call('HSET', key, unpack(fields))
if ttl > 0 then
redis.call('PEXPIRE', key, ttl)
end
if field_ttl and field_ttl > 0 and #expiring > 0 then
redis.call('HPEXPIRE', key, field_ttl, 'FIELDS', #expiring, unpack(expiring))
end
table.insert(plan.lines, 1, fields[2])
return '+' .. table.concat(plan.lines, '\\n')
end
function objects.prepare_removal(key, request)
local refused, version = look(key, request)
return refused or { version = version }
end
function objects.apply_removal(key, plan)
given[key] = math.max(plan.version, given[key] or 0)
redis.call('DEL', key)
return string.format('+%.0f', plan.version)
end
local fencing = { prepare = nil, apply = nil }
local STORED = '2678400000'
function fencing.prepare(key, token)
local text = redis.pcall('GET', key)
if not text then
return nil
end
if type(text) == 'table' then
return text
end
local highest = tonumber(text)
if not highest or highest ~= highest or highest > 9007199254740991 then
return { err = 'ERR ' .. key .. ' holds no fence token: delete it' }
end
if token < highest then
return string.format('f %.0f', highest)
end
end
function fencing.apply(key, token)
redis.call('SET', key, string.format('%.0f', token), 'PX', STORED)
end
local writing = { rank = 1, texts = 5, fields = 1, open = nil, commands = nil, prepare = nil, apply = nil }
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
return writing
end
local function load_limiting()
local function leading_block(saved)
if not saved or #saved < 40 then
return nil, nil, nil, 0, 0
end
local id, ends, length, time, listing = struct.unpack('<ddddd', saved)
if id ~= 0 or not (length >= 0 and length <= #saved - 40 and ends >= 0 and ends < 2 ^ 53 and time >= 0) then
return nil, nil, nil, 0, 0
end
return time, ends, string.sub(saved, 41, 40 + length), 40 + length, listing
end
local gcra = {}
function gcra.define(rule, drain, token, capacity)
rule.drain, rule.token, rule.capacity = drain, token, capacity
end
function gcra.load(rule, time, counted, level)
if time then
if counted ~= rule.token then
level = level / counted
level = level % 1 == 0 and level * rule.token or math.ceil(level * rule.token) + 1
level = math.min(level, 2 * rule.capacity)
end
level = math.max(0, level - (now - time) * rule.drain)
end
rule.level = level or 0
end
function gcra.over(rule, tokens)
return rule.level + tokens * rule.token > rule.capacity
end
function gcra.add(rule, tokens)
rule.level = math.min(rule.level + tokens * rule.token, 2 * rule.capacity)
end
function gcra.give_back(rule, tokens, since)
rule.level = math.max(0, rule.level - math.max(0, tokens * rule.token - (now - since) * rule.drain))
end
function gcra.entry(rule)
return now, rule.token, rule.level, rule.level / rule.drain
end
function gcra.report(rule, reply)
reply[#reply + 1] = rule.level
end
local fixed_window = {}
function fixed_window.define(rule, limit, window)
rule.limit, rule.window = limit, window
end
function fixed_window.load(rule, time, counted, used)
rule.start, rule.used = now, 0
if time and used > 0 and now < time + counted then
rule.used = used
if now < time + rule.window then
rule.start = time
end
end
end
function fixed_window.over(rule, tokens)
return rule.used + tokens > rule.limit
end
function fixed_window.add(rule, tokens)
rule.used = math.min(rule.used + tokens, 2 * rule.limit)
end
function fixed_window.give_back(rule, tokens, since)
if since >= rule.start then
rule.used = math.max(0, rule.used - tokens)
end
end
function fixed_window.entry(rule)
return rule.start, rule.window, rule.used, rule.start + rule.window - now
end
function fixed_window.report(rule, reply)
reply[#reply + 1] = rule.used
reply[#reply + 1] = rule.used > 0 and rule.start + rule.window - now or 0
end
local calendar = {}
function calendar.define(rule, limit, start, turn, finish)
rule.limit = limit
rule.start, rule.finish = start, turn
if now >= turn then
rule.start, rule.finish = turn, finish
end
return now < rule.start or now >= rule.finish
end
function calendar.load(rule, time, _, used)
rule.used = time and time >= rule.start and used or 0
end
function calendar.over(rule, tokens)
return rule.used + tokens > rule.limit
end
function calendar.add(rule, tokens)
rule.used = math.min(rule.used + tokens, 2 * rule.limit)
end
function calendar.give_back(rule, tokens, since)
if since >= rule.start then
rule.used = math.max(0, rule.used - tokens)
end
end
function calendar.entry(rule)
return rule.start, rule.finish, rule.used, rule.finish - now
end
function calendar.report(rule, reply)
reply[#reply + 1] = rule.used
reply[#reply + 1] = rule.finish - now
end
local sliding_window = {}
local SHIFT = 2 ^ 26
function sliding_window.define(rule, limit, window, tick)
rule.limit, rule.window, rule.tick, rule.ticks = limit, window, tick, window / tick
end
local function covered(before, window, tick, elapsed)
return before * (window / tick - math.floor(elapsed / tick))
end
function sliding_window.load(rule, time, counted, level)
local start, before, used = now, 0, 0
if time and level > 0 then
before, used = math.min(math.floor(level / SHIFT), 2 * rule.limit), math.min(level % SHIFT, 2 * rule.limit)
local passed = math.floor((now - time) / counted)
start = time + passed * counted
if passed == 1 then
before, used = used, 0
elseif passed > 1 then
before, used = 0, 0
end
if before + used == 0 then
start = now
end
if counted ~= rule.window then
local part = math.floor(before * (counted - (now - start)) / counted + 1e-6) + 1
start, before, used = now, 0, math.min(used + math.min(before, part), 2 * rule.limit)
end
end
rule.start, rule.before, rule.used = start, before, used
end
function sliding_window.over(rule, tokens)
local part = covered(rule.before, rule.window, rule.tick, now - rule.start)
return part + (rule.used + tokens) * rule.ticks > rule.limit * rule.ticks
end
function sliding_window.add(rule, tokens)
rule.used = math.min(rule.used + tokens, 2 * rule.limit)
end
function sliding_window.give_back(rule, tokens, since, latest)
if since >= rule.start then
local rest = math.max(0, tokens - rule.used)
rule.used = math.max(0, rule.used - tokens)
if not latest then
return
end
tokens = rest
elseif since < rule.start - rule.window then
return
end
rule.before = math.max(0, rule.before - tokens)
end
function sliding_window.entry(rule)
return rule.start, rule.window, rule.before * SHIFT + rule.used, rule.start + 2 * rule.window - now
end
function sliding_window.report(rule, reply)
reply[#reply + 1] = rule.before
reply[#reply + 1] = rule.used
reply[#reply + 1] = now - rule.start
end
local function damaged(key)
error({ err = "ERR the key '" .. key .. "' contains data that no limiter wrote: reset its subject, or delete the key" })
end
local sliding_log = {}
local HEAD, CHARGE = 8, 16
local MOST_CHARGES = 2000
local HALVINGS = 11
function sliding_log.define(rule, limit, window)
rule.limit, rule.window, rule.ttl = limit, window, math.ceil(window / 1000) + 2
end
local function charge_at(rule, at)
return struct.unpack('<dd', rule.log, HEAD + CHARGE * (at - 1) + 1)
end
local function charged_to(rule, at)
if at == 0 then
return rule.base
end
local _, sum = charge_at(rule, at)
return sum
end
local function first_from(rule, at, which, least)
local low, high = at, rule.count + 1
for _ = 1, HALVINGS do
if low >= high then
break
end
local middle = math.floor((low + high) / 2)
local found = { charge_at(rule, middle) }
if found[which] >= least then
high = middle
else
low = middle + 1
end
end
return low
end
local function moved(rule, from, to, time_by, sum_by)
local charges = {}
for at = from, to do
local time, sum = charge_at(rule, at)
charges[#charges + 1] = struct.pack('<dd', time + time_by, sum + sum_by)
end
return table.concat(charges)
end
function sliding_log.open(rule, key)
rule.key, rule.changed = key, false
rule.log = redis.call('GET', key)
rule.base, rule.count, rule.first, rule.used = 0, 0, 1, 0
if not rule.log then
return
end
rule.count = (#rule.log - HEAD) / CHARGE
if rule.count % 1 ~= 0 or rule.count < 1 or rule.count > MOST_CHARGES then
damaged(key)
end
rule.base = struct.unpack('<d', rule.log)
local last = charge_at(rule, rule.count)
if last > now then
rule.log = struct.pack('<d', rule.base) .. moved(rule, 1, rule.count, now - last, 0)
rule.changed = true
end
rule.first = first_from(rule, 1, 1, now - rule.window + 1)
rule.used = charged_to(rule, rule.count) - charged_to(rule, rule.first - 1)
if not (rule.used >= 0 and rule.used < 2 ^ 53) then
damaged(key)
end
end
function sliding_log.over(rule, tokens)
return rule.used + tokens > rule.limit
end
local function keep(rule, last, others, count)
local head = struct.pack('<d', charged_to(rule, rule.first - 1))
local kept = string.sub(rule.log or '', HEAD + CHARGE * (rule.first - 1) + 1, HEAD + CHARGE * last)
rule.log = head .. kept .. others
rule.base, rule.count, rule.first = struct.unpack('<d', head), last - rule.first + 1 + count, 1
rule.changed = true
end
function sliding_log.add(rule, tokens)
tokens = math.min(tokens, 2 * rule.limit - rule.used)
if tokens > 0 then
keep(rule, rule.count, struct.pack('<dd', now, charged_to(rule, rule.count) + tokens), 1)
rule.used = rule.used + tokens
end
end
local function give_back_latest(rule, tokens)
local last, sum = rule.first - 1, charged_to(rule, rule.count)
local wanted = math.max(sum - tokens, charged_to(rule, rule.first - 1))
for at = rule.count, rule.first, -1 do
if not (charged_to(rule, at - 1) >= wanted) then
last = at
break
end
end
rule.used = rule.used - (sum - wanted)
if last < rule.first then
keep(rule, last, '', 0)
else
keep(rule, last - 1, struct.pack('<dd', (charge_at(rule, last)), wanted), 1)
end
end
function sliding_log.give_back(rule, tokens, since, latest)
if rule.used == 0 then
return
end
if latest then
give_back_latest(rule, tokens)
return
end
local from = first_from(rule, rule.first, 1, since)
local behind = first_from(rule, from, 1, since + 1)
if behind == from then
return
end
local before, last = charged_to(rule, from - 1), charged_to(rule, behind - 1)
local back = math.min(tokens, last - before)
local left = last - back > before and struct.pack('<dd', since, last - back) or ''
local count = #left / CHARGE + rule.count - behind + 1
keep(rule, from - 1, left .. moved(rule, behind, rule.count, 0, -back), count)
rule.used = rule.used - back
end
function sliding_log.save(rule)
if not rule.changed then
return
end
if rule.count == 0 then
redis.call('DEL', rule.key)
else
redis.call('SET', rule.key, rule.log, 'PX', rule.ttl)
end
end
function sliding_log.report(rule, reply, tokens)
local gone = charged_to(rule, rule.first - 1)
local function ends(fewer)
local at = first_from(rule, rule.first, 2, gone + fewer)
local time = at <= rule.count and charge_at(rule, at) or now
return fewer > 0 and time + rule.window - now or 0
end
reply[#reply + 1] = rule.used
reply[#reply + 1] = ends(rule.used + tokens - rule.limit)
reply[#reply + 1] = rule.used > 0 and ends(math.max(1, rule.used - rule.limit + 1)) or 0
reply[#reply + 1] = ends(rule.used)
end
local slots = {}
local CLOCK = ''
local MOST_LEASES = 12000
local LATEST = 2 ^ 62
local STEP = 1000
function slots.define(rule, limit, lease)
rule.limit, rule.lease = limit, lease
end
function slots.clock_step(key)
local charged = tonumber(redis.call('ZSCORE', key, CLOCK) or 0)
local by = math.max(0, -charged - now)
if by > 0 and not (by < LATEST and redis.call('ZCARD', key) <= MOST_LEASES) then
damaged(key)
end
return by
end
function slots.adjust(key, by)
if by <= 0 then
return
end
local leases = redis.call('ZRANGE', key, 0, MOST_LEASES, 'WITHSCORES')
for from = 1, #leases, STEP do
local moved = {}
for at = from, math.min(from + STEP - 1, #leases), 2 do
moved[#moved + 1] = string.format('%.0f', leases[at] == CLOCK and -now or leases[at + 1] - by)
moved[#moved + 1] = leases[at]
end
redis.call('ZADD', key, unpack(moved))
end
end
function slots.store(key, lease, ends, had)
redis.call('ZADD', key, string.format('%.0f', ends), lease, string.format('%.0f', -now), CLOCK)
local ttl = math.ceil((ends - now) / 1000) + 1000
if had then
redis.call('PEXPIRE', key, ttl, 'GT')
else
redis.call('PEXPIRE', key, ttl)
end
end
function slots.has(key, lease, by)
return tonumber(redis.call('ZSCORE', key, lease) or 0) - by > now
end
function slots.open(rule, key)
rule.key, rule.adding = key, nil
rule.by = slots.clock_step(key)
rule.used = redis.call('ZCOUNT', key, string.format('(%.0f', now + rule.by), '+inf')
rule.wait = 0
if rule.used > 0 and rule.used >= rule.limit then
local live, over = string.format('(%.0f', now + rule.by), rule.used - rule.limit
local last = redis.call('ZRANGE', key, live, '+inf', 'BYSCORE', 'LIMIT', over, 1, 'WITHSCORES')
rule.wait = last[2] and last[2] - rule.by - now or 0
end
end
function slots.over(rule, tokens)
return tokens > 0 and rule.used + 1 > rule.limit
end
function slots.add(rule, lease)
rule.adding = lease
rule.had = rule.used > 0
rule.used = rule.used + 1
end
function slots.save(rule)
slots.adjust(rule.key, rule.by)
if rule.adding then
redis.call('ZREMRANGEBYSCORE', rule.key, 0, string.format('%.0f', now))
slots.store(rule.key, rule.adding, now + rule.lease, rule.had)
end
end
function slots.report(rule, reply)
reply[#reply + 1] = rule.used
reply[#reply + 1] = rule.wait
end
local function checked_read(keys, type_of, read, ...)
local ok, result = pcall(read, ...)
if ok then
return result
end
for at, key in ipairs(keys) do
local wrong = typed(key, type_of(at))
if wrong then
return nil, wrong
end
end
local text = type(result) == 'table' and result.err or tostring(result)
if not string.match(text, '^%u+ ') then
text = "ERR the key '" .. keys[1] .. "', or another key of its subject, cannot be read: " .. text
end
return nil, { err = text }
end
local charging = { open = nil, prepare = nil, apply = nil }
local PACKED = { g = gcra, f = fixed_window, c = calendar, w = sliding_window }
local OWN_KEY = { l = sliding_log, s = slots }
local ENTRY, MOST, SECOND = 40, 32, 1000000
local HUGE = 2 ^ 62
local LEASED, LEASED_FOR = 2 ^ 48 + 7, 7200 * SECOND
local ZERO = string.byte('0')
local MARGIN = 2
function charging.open(rules)
local of = { list = {}, owners = {}, mistimed = false }
for letter, place, shadow, id, a, b, c, d in string.gmatch(rules, '(%l) (%d+) (%d) (%d+) (%d+) (%d+) (%d+) (%d+)') do
local rule = { letter = letter, place = tonumber(place), shadow = shadow == '1', id = tonumber(id) }
rule.does = PACKED[letter] or OWN_KEY[letter]
of.list[#of.list + 1] = rule
if OWN_KEY[letter] then
of.owners[rule.place] = rule
end
if rule.does.define(rule, tonumber(a), tonumber(b), tonumber(c), tonumber(d)) then
of.mistimed = true
end
end
return of
end
local function open(of, key, place)
local saved = redis.call('GET', key)
local time, ends, reason, at, listing = leading_block(saved)
if saved and ((#saved - at) % ENTRY ~= 0 or #saved - at > ENTRY * MOST) then
damaged(key)
end
local state = { key = key, saved = saved, head = '', others = '', expires = 0, count = 0, plain = saved ~= false }
state.steps = {}
if time then
if time > now then
time, ends = now, ends - (time - now)
state.steps[1] = { 8, struct.pack('<ddd', ends, #reason, time) }
end
if ends > now then
state.ends, state.reason = ends, reason
state.head = struct.pack('<ddddd', 0, ends, #reason, time, listing) .. reason
else
state.plain = false
end
end
state.start = at
local found = {}
local others = {}
for from = at + 1, saved and #saved or 0, ENTRY do
local id, expires, first, written, second = struct.unpack('<ddddd', saved, from)
if not (id > 0 and expires >= 0 and expires < HUGE and written >= 0 and first > 0 and second >= 0 and second < HUGE) then
damaged(key)
end
found[id] = { math.min(written, now), first, second, written > now and from }
state.expires = math.max(state.expires, expires)
others[#others + 1] = { id, expires, from }
end
state.rules = {}
for _, rule in ipairs(of.list) do
if rule.place == place then
local entry = found[rule.id] or {}
if entry[4] then
state.steps[#state.steps + 1] = { entry[4] + 23, struct.pack('<d', now) }
state.back = true
end
rule.does.load(rule, entry[1], entry[2], entry[3])
found[rule.id] = nil
state.rules[#state.rules + 1] = rule
local same = others[#state.rules]
state.plain = state.plain and same ~= nil and same[1] == rule.id
end
end
for _, other in ipairs(others) do
if other[1] == LEASED then
state.leased = other[2] > now and found[LEASED][1] or nil
state.leased_until = other[2]
elseif found[other[1]] and other[2] > now then
state.others = state.others .. string.sub(saved, other[3], other[3] + ENTRY - 1)
state.count = state.count + 1
end
end
if state.count + #state.rules > MOST then
error({ err = 'ERR a subject has the states of more than ' .. MOST .. ' rules' })
end
return state
end
local function write(state)
local longest, slack = 0, SECOND
local entries = {}
for at, rule in ipairs(state.rules) do
local time, first, second, until_full = rule.does.entry(rule)
longest = math.max(longest, until_full)
if rule.letter == 'g' then
slack = math.max(slack, until_full + math.max(until_full, SECOND))
end
entries[at] = { rule.id, time, first, second }
end
local fits = state.plain and not state.back and now + longest <= state.expires
local ttl = math.ceil(math.max(longest, slack) / 1000)
if not fits then
if state.others ~= '' then
ttl = math.max(ttl, math.ceil((state.expires - now) / 1000))
end
state.expires = now + ttl * 1000
ttl = math.max(ttl, math.ceil(((state.ends or 0) - now) / 1000))
end
local after = ''
for _, entry in ipairs(entries) do
after = after .. struct.pack('<ddddd', entry[1], state.expires, entry[3], entry[2], entry[4])
end
if fits then
redis.call('SETRANGE', state.key, state.start, after)
else
if state.leased then
after = after .. struct.pack('<ddddd', LEASED, state.leased_until, 1, state.leased, 0)
end
redis.call('SET', state.key, state.head .. after .. state.others, 'PX', ttl + MARGIN)
end
end
local function settled(how)
local charged, elapsed, rules, leased = string.match(how, '^(%d+) (%d+) ([01]+)(l?)$')
if not charged then
return nil
end
return { since = math.min(charged, now - elapsed), rules = rules, leased = leased == 'l' }
end
local function charge(rule, tokens, lease, charged)
if rule.letter == 's' then
if lease ~= '' then
rule.does.add(rule, lease)
end
elseif tokens > 0 then
rule.does.add(rule, tokens)
elseif charged then
rule.does.give_back(rule, -tokens, charged.since, false)
else
rule.does.give_back(rule, -tokens, now, true)
end
end
local function read(of, places, cost, how, lease)
local tokens, counting, charged = tonumber(cost), how == 'try', settled(how)
local leasing = how == 'lease'
local asked = counting or leasing or how == 'take' or how == 'look'
local plan = { states = {}, apart = {}, tokens = tokens }
local blocked = nil
for place, key in ipairs(places) do
local owner = of.owners[place]
if owner then
owner.does.open(owner, key)
plan.apart[#plan.apart + 1] = owner
else
local state = open(of, key, place)
plan.states[#plan.states + 1] = state
if leasing then
state.leased, state.leased_until, state.plain = state.leased or now, now + LEASED_FOR, false
elseif how == 'set' then
state.leased, state.plain = nil, false
elseif charged and charged.leased and not (state.leased and state.leased <= charged.since) then
charged.wiped = true
end
if asked and state.ends and not (blocked and blocked.ends > state.ends) then
blocked = state
end
end
end
local allowed = not blocked
for _, rule in ipairs(of.list) do
rule.refuses = rule.does.over(rule, tokens)
if asked and rule.refuses and not rule.shadow then
allowed = false
end
end
plan.charges = how ~= 'look' and (allowed or counting and not blocked)
if plan.charges and tokens ~= 0 then
for at, rule in ipairs(of.list) do
local spared = charged and (charged.wiped or string.byte(charged.rules, at) == ZERO)
if not (asked and allowed and rule.refuses or spared) then
charge(rule, tokens, allowed and lease or '', charged)
end
end
end
plan.allowed = allowed
if blocked then
plan.reply = { 2, blocked.ends - now, blocked.reason }
return plan
end
plan.reply = { allowed and 1 or 0, now }
for _, rule in ipairs(of.list) do
plan.reply[#plan.reply + 1] = rule.refuses and 1 or 0
rule.does.report(rule, plan.reply, tokens)
end
return plan
end
function charging.prepare(of, places, cost, how, lease)
local function type_of(place)
return of.owners[place] and of.owners[place].letter == 's' and 'zset' or 'string'
end
return checked_read(places, type_of, read, of, places, cost, how, lease)
end
function charging.apply(_, plan)
for _, state in ipairs(plan.states) do
for _, step in ipairs(state.steps) do
redis.call('SETRANGE', state.key, step[1], step[2])
end
if plan.charges and #state.rules > 0 and (plan.tokens > 0 or plan.tokens < 0 and state.saved) then
write(state)
end
end
for _, rule in ipairs(plan.apart) do
rule.does.save(rule)
end
end
local limiting = { rank = 1, texts = 1, fields = 2, open = nil, commands = nil, prepare = nil, apply = nil }
function limiting.open(group, _, _, _, fields, at)
group.of = charging.open(fields[at])
group.keys = tonumber(fields[at + 1])
end
function limiting.commands(group)
local commands = { 'GET', 'SET', 'SETRANGE' }
if next(group.of.owners) then
commands[4] = 'DEL'
end
return commands
end
local function text_of(reply)
local words = { reply[1] }
for at = reply[1] == 2 and 2 or 3, #reply do
words[#words + 1] = type(reply[at]) == 'number' and string.format('%.0f', math.floor(reply[at])) or reply[at]
end
return table.concat(words, ' ')
end
function limiting.prepare(group, texts, from, _, own)
if group.of.mistimed then
return nil, now
end
local cost = 0
for nth = 1, group.n do
cost = cost + texts[from + nth - 1]
end
local places = { unpack(own, group.own, group.own + group.keys - 1) }
local plan, wrong = charging.prepare(group.of, places, cost, 'take', '')
if not plan then
return nil, wrong
end
plan.text = text_of(plan.reply)
if not plan.allowed then
charging.apply(group.of, plan)
local lines = {}
for nth = 1, group.n do
lines[nth] = nth .. ' ' .. plan.text
end
return nil, table.concat(lines, '\\n')
end
return plan
end
function limiting.apply(group, plan)
charging.apply(group.of, plan)
return plan.text .. string.rep('\\n' .. plan.text, group.n - 1)
end
return limiting
end
local effects = { open = nil, texts = nil, prepare = nil, apply = nil, mark = nil }
local LOAD = {
add = load_adding,
publish = load_publishing,
score = load_changing,
announce = load_changing,
raise = load_raising,
count = load_counted,
claim = load_claiming,
object = load_writing,
limit = load_limiting,
}
local LAST_RANK = 5
local function insert(order, group)
for at = #order, 1, -1 do
if order[at].rank <= group.rank then
table.insert(order, at + 1, group)
return
end
end
table.insert(order, 1, group)
end
function effects.open(keys, plan, size, head, before)
size = tonumber(size)
local fields = { struct.unpack(string.rep('s', size), plan) }
local kinds, streams, asked, groups, order = {}, {}, {}, {}, {}
local wrong, text, at = nil, before + 1, head + 1
for number = 1, size do
if at > size then
break
end
local name, n, lean = fields[at], tonumber(fields[at + 1]), fields[at + 2] == '1'
local from, to, own = tonumber(fields[at + 3]), tonumber(fields[at + 4]), tonumber(fields[at + 5])
local when, line = tonumber(fields[at + 6]), tonumber(fields[at + 7])
local kind = kinds[name] or LOAD[name]()
kinds[name] = kind
text = when and text + 1 or text
local group = {
name = name,
number = number,
n = n,
lean = lean,
own = own,
when = when,
line = line,
small = true,
rank = when and LAST_RANK or kind.rank,
at = text,
prepare = kind.prepare,
apply = kind.apply,
reaches = kind.reaches,
}
kind.open(group, keys, from, to, fields, at + 8, streams)
at = at + 8 + kind.fields
text = text + n * (lean and kind.lean_texts or kind.texts)
groups[number] = group
insert(order, group)
wrong = wrong or denied(kind.commands(group), keys[1], asked) or kind.wrong and kind.wrong(group)
end
return {
fields = fields,
groups = groups,
order = order,
wrong = wrong,
format = string.rep('s', text - 1),
plans = {},
results = {},
mark = nil,
}
end
function effects.texts(of, values)
return { struct.unpack(of.format, values) }
end
local function is_wanted(of, group, texts)
local counter = of.groups[group.when]
local plan = of.plans[group.when]
return plan and counter.reaches(plan, group.line, texts[counter.at + group.line - 1], tonumber(texts[group.at - 1]))
end
function effects.prepare(of, own, texts)
local order, plans, refused = of.order, of.plans, nil
for nth = 1, #order do
local group = order[nth]
local number, plan, stop = group.number, nil, nil
if not group.when or not of.groups[group.when].reaches or is_wanted(of, group, texts) then
plan, stop = group.prepare(group, texts, group.at, own[group.own], own)
end
plans[number] = plan or false
if type(stop) == 'string' then
refused = refused or { '-' }
for line in string.gmatch(stop, '[^\\n]+') do
refused[#refused + 1] = number .. ' ' .. line
end
elseif stop then
return nil, stop
end
end
if refused then
return nil, table.concat(refused, '\\n')
end
return true
end
function effects.apply(of, texts)
local groups, plans, results, wrote = of.groups, of.plans, of.results, false
for number = 1, #groups do
local group, plan, result = groups[number], plans[number], ''
if plan then
result = group.apply(group, plan, texts, group.at, groups[group.when])
if type(result) == 'table' then
if wrote then
error(result)
end
return result
end
wrote = true
end
results[number] = result
end
return table.concat(results, '\\30')
end
function effects.mark(of)
local mark = of.mark
if not mark then
mark = '*'
for _, group in ipairs(of.groups) do
mark = group.small and mark or '+'
end
of.mark = mark
end
return mark
end`, piece123, `local function load_places()
local function sortable(id)
local ms, number = string.match(id, '^(%d+)-(%d+)$')
return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end
local members = { from = nil }
function members.prefix(key, id)
return key .. '\\0' .. sortable(id) .. '\\0'
end
function members.from(key, delivery)
local more = ''
if delivery.a > 0 or delivery.f > 0 or delivery.v or delivery.o then
more = string.format('%.0f %.0f %.0f ', delivery.a, delivery.f, delivery.v or 0) .. (delivery.o or '')
end
return members.prefix(key, delivery.i) .. (delivery.t or '') .. '\\0' .. more .. '\\0' .. delivery.d
end
function members.entry(member, length)
length = length or #string.match(member, '^[^%z]*')
local ms, number, trace, more, payload =
string.match(member, '^%z%u(%d+)%u(%d+)%z([^%z]*)%z([^%z]*)%z(.*)$', length + 1)
if not ms then
return nil
end
local delivery = { i = ms .. '-' .. number, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil }
if more ~= '' then
local a, f, v, o = string.match(more, '^(%d+) (%d+) (%d+) (.*)$')
if not a then
return nil
end
delivery.a, delivery.f = tonumber(a), tonumber(f)
delivery.v = v ~= '0' and tonumber(v) or nil
delivery.o = o ~= '' and o or nil
end
return delivery
end
function members.may_run(member, length)
return string.find(member, '^%z%u%d+%u%d+%z[^%z]*%z%z', length + 1) ~= nil
end
function members.position(position)
return string.match(position, '^([^/]*)/(%d+)$')
end
function members.of_run(fields, nth)
local member = fields[1] == 'k' and fields[2 * nth + 1] == 'm' and fields[2 * nth + 2]
local delivery = member and members.entry(member)
if delivery then
delivery.k = fields[2]
end
return delivery or nil
end
local function load_members()
return members
end
local entry = {}
local function fields_of(stream, id)
local found = redis.call('XRANGE', stream, id, id)[1]
if not found then
return nil
end
local fields, named = found[2], {}
for at = 1, #fields, 2 do
named[fields[at]] = named[fields[at]] or fields[at + 1]
end
return fields, named
end
local function is_count(text)
return text and #text <= 15 and string.match(text, '^%d+$')
end
local function added(fields, named)
local names = 'd' .. (named.t and 't' or '') .. (named.n and 'n' or '') .. (named.o and 'o' or '')
.. (named.k and 'k' or named.q and 'q' or '')
for at = 1, #fields, 2 do
if fields[at] ~= string.sub(names, (at + 1) / 2, (at + 1) / 2) then
return false
end
end
return #fields == 2 * #names and (not named.n or is_count(named.n))
end
function entry.read(stream, id)
local fields, named = fields_of(stream, id)
if not fields then
return nil
end
if added(fields, named) then
return { i = id, a = 0, f = 0, d = named.d, t = named.t, n = tonumber(named.n or nil), k = named.k, q = named.q, o = named.o }
end
return { i = id, a = 0, f = 0, d = named.d or fields[2] }
end
function entry.read_ready(stream, id)
local position, nth = string.match(id, '^([^/]*)/(%d+)$')
local fields, named = fields_of(stream, position or id)
if not fields then
return nil
end
if position then
return load_members().of_run(fields, nth) or { i = '0-0', a = 0, f = 0, d = fields[2 * nth + 2] or '', foreign = true }
end
if named.k and not named.a and not named.f then
named.a, named.f = '0', '0'
end
if string.match(named.i or '', '^%d+%-%d+$') and is_count(named.a) and is_count(named.f) and named.d then
local v = is_count(named.v) and tonumber(named.v) or nil
local k = not named.g and named.k or nil
return { i = named.i, a = tonumber(named.a), f = tonumber(named.f), d = named.d, t = named.t, v = v, k = k, q = named.q, o = named.o }
end
return { i = '0-0', a = 0, f = 0, d = named.d or fields[2], foreign = true }
end
function entry.put_ready(ready, delivery)
if delivery.foreign then
return redis.call('XADD', ready, '*', 'd', delivery.d)
end
local place = delivery.k
if place and delivery.f == 0 and delivery.a == 0 and not delivery.t and not delivery.v and not delivery.o then
return redis.call('XADD', ready, '*', 'i', delivery.i, 'd', delivery.d, 'k', place)
end
local add = { 'XADD', ready, '*', 'i', delivery.i, 'a', delivery.a, 'f', delivery.f, 'd', delivery.d }
for _, name in ipairs({ 't', 'v', 'k', 'o' }) do
if delivery[name] then
add[#add + 1] = name
add[#add + 1] = delivery[name]
end
end
return redis.call(unpack(add))
end
function entry.put_delayed(delayed, delivery, due)
local fields = { delivery.i, delivery.a, delivery.f, delivery.d, delivery.t }
if delivery.k or delivery.q or delivery.o or delivery.v then
fields[5], fields[6], fields[7], fields[8] = delivery.t or '', delivery.k or '', delivery.q or '', delivery.o
end
if delivery.v then
fields[8], fields[9] = delivery.o or '', delivery.v
end
local packed = cmsgpack.pack(fields)
redis.call('ZADD', delayed, string.format('%.0f', due), packed)
return packed
end
function entry.attempts(delivery, usual)
return tonumber(delivery.o and string.match(delivery.o, 'a(%d+)') or usual)
end
function entry.give_back(ready, delayed, delivery, ms)
delivery.f = delivery.f + 1
if delivery.n and delivery.n > ms then
entry.put_delayed(delayed, delivery, delivery.n)
else
entry.put_ready(ready, delivery)
end
end
function entry.put_dead(dead, delivery, group, kind, reason)
local i, a, f, d = delivery.i, delivery.a, delivery.f, delivery.d
local add = { 'XADD', dead, '*', 'i', i, 'a', a, 'f', f, 'g', group, 'k', kind, 'e', reason, 'd', d }
local q = delivery.q or delivery.k and string.match(delivery.k, '^[^\\1]*')
for name, value in pairs({ t = delivery.t, q = q, o = delivery.o }) do
add[#add + 1] = name
add[#add + 1] = value
end
return redis.call(unpack(add))
end
function entry.unpacked(packed)
local ok, found = pcall(cmsgpack.unpack, packed)
if not ok or type(found) ~= 'table' then
return nil
end
local i, a, f, d, t, k, q, o, v = unpack(found, 1, 9)
local known = type(i) == 'string' and string.match(i, '^%d+%-%d+$') and type(a) == 'number' and type(f) == 'number'
if not known or type(d) ~= 'string' or (t ~= nil and type(t) ~= 'string') then
return nil
end
local function given(text)
return type(text) == 'string' and text ~= '' and text or nil
end
return { i = i, a = a, f = f, d = d, t = given(t), k = given(k), q = given(q), o = given(o), v = type(v) == 'number' and v or nil }
end
function entry.put_due(dead, group, packed, put)
local delivery = entry.unpacked(packed)
if delivery then
put(delivery)
else
local found = { i = '0-0', a = 0, f = 0, d = packed }
entry.put_dead(dead, found, group, 'invalid', 'a delayed entry cannot be read: something other than penknife wrote it')
end
return delivery ~= nil
end
local function expanded(value)
if not value or not string.find(value, ':', 1, true) then
return value
end
return (string.gsub(value, '(r[^/ ]*/)(%d+):(%d+)', function(run, first, last)
local all = {}
for nth = tonumber(first), tonumber(last) do
all[#all + 1] = run .. nth
end
return table.concat(all, ' ')
end))
end
local places = { open = nil }
local STEP, MOST_BYTES, SMALL, BEHIND = 4, 65536, 1024, '\\1'
function places.open(busy, queued, ready, most)
return { busy = busy, queued = queued, ready = ready, most = tonumber(most), small = false }
end
function places.wrong(of)
return typed(of.busy, 'hash') or typed(of.queued, 'zset')
end
function places.key_of(place)
return string.match(place, '^[^\\1]*')
end
local function named(key, number)
return number == 1 and key or key .. '\\1' .. number
end
function places.free(of, key)
for number = 1, of.most do
local place = named(key, number)
if redis.call('HEXISTS', of.busy, place) == 0 then
return place
end
end
end
function places.take(of, place, location)
redis.call('HSET', of.busy, place, location)
end
function places.get(of, place)
return expanded(redis.call('HGET', of.busy, place))
end
function places.first(of, place)
return string.match(places.get(of, place) or '', '^%S+')
end
function places.queue(of, key, delivery)
redis.call('ZADD', of.queued, 0, members.from(key, delivery))
end
function places.is_queued(of, key, id)
local prefix = members.prefix(key, id)
return redis.call('ZRANGE', of.queued, '[' .. prefix, '(' .. prefix .. '\\255', 'BYLEX', 'LIMIT', 0, 1)[1] ~= nil
end
function places.unqueue(of, key, delivery)
redis.call('ZREM', of.queued, members.from(key, delivery))
end
function places.queued_entry(member)
return members.entry(member)
end
function places.queued_match(id)
return '*' .. members.prefix('', id) .. '*'
end
local function first_queued(of, key, run)
local from, to = '[' .. key .. '\\0', '(' .. key .. '\\1'
local count = of.small and run or math.min(run, STEP)
local found = redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', '0', count)
of.small = found[1] and #found[1] < SMALL
if run > count and #found == count and of.small then
for _, member in ipairs(redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', count, run - count)) do
found[#found + 1] = member
end
end
return found
end
local function put_run(of, place, run)
local add = { 'XADD', of.ready, '*', 'k', place }
for at, member in ipairs(run) do
add[2 * at + 4], add[2 * at + 5] = 'm', member
end
return 'r' .. redis.call(unpack(add)) .. '/1:' .. #run
end
local function run_of(found, length)
local run, bytes = {}, 0
for at, member in ipairs(found) do
bytes = bytes + #member
if at > 1 and bytes > MOST_BYTES or not members.may_run(member, length) then
break
end
run[at] = member
end
return run, bytes
end
function places.pass_on(of, place, run, later)
local key, number = place, ''
if string.find(place, '\\1', 1, true) then
key, number = string.match(place, '^([^\\1]*)\\1(%d*)$')
end
local found = (tonumber(number) or 1) <= of.most and first_queued(of, key, run) or {}
later = later or { busy = {}, free = {}, behind = 0, alone = true }
local together, bytes = run_of(found, #key)
local locations
if together[2] then
locations = put_run(of, place, together)
later.behind = later.behind + #together - 1
redis.call('ZREM', of.queued, unpack(together))
elseif found[1] then
local delivery = members.entry(found[1], #key)
if delivery then
delivery.k = place
locations = 'r' .. entry.put_ready(of.ready, delivery)
else
entry.put_ready(of.ready, { foreign = true, d = found[1] })
end
redis.call('ZREM', of.queued, found[1])
end
if locations then
later.busy[#later.busy + 1] = place
later.busy[#later.busy + 1] = locations
else
later.free[#later.free + 1] = place
end
if later.alone then
places.done(of, later)
end
return bytes
end
local function count_behind(of, change)
if change ~= 0 and redis.call('HINCRBY', of.busy, BEHIND, change) <= 0 then
redis.call('HDEL', of.busy, BEHIND)
end
end
function places.done(of, later)
if later.busy[1] then
redis.call('HSET', of.busy, unpack(later.busy))
end
if later.free[1] then
redis.call('HDEL', of.busy, unpack(later.free))
end
count_behind(of, later.behind)
end
function places.run(location)
return string.match(location, '^(r[^/]*/)')
end
local function leave_run(of, location, rest)
local run = places.run(location)
if run and string.find(rest, run, 1, true) then
count_behind(of, -1)
end
end
function places.left(of, place, position)
local base = members.position(position)
if base and string.find(redis.call('HGET', of.busy, place) or '', 'r' .. base .. '/', 1, true) then
return nil
end
return base or position
end
function places.is_in(value, location)
return value and string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true) ~= nil
end
function places.positions(of, position)
local found = redis.call('XRANGE', of.ready, position, position)[1]
local fields = found and found[2] or {}
if fields[1] ~= 'k' or fields[3] ~= 'm' then
return { position }
end
local value, all, there = places.get(of, fields[2]), {}, {}
for nth = 1, #fields / 2 - 1 do
all[nth] = position .. '/' .. nth
if places.is_in(value, 'r' .. all[nth]) then
there[#there + 1] = all[nth]
end
end
return there[1] and there or all
end
function places.follows(value, location)
if not value or value == location then
return false
end
local at = string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true)
return at ~= nil and at > 1
end
function places.list(value)
local list = { from = 1 }
for each in string.gmatch(expanded(value) or '', '%S+') do
list[#list + 1] = each
end
return list
end
function places.shift(list, location)
if list[list.from] == location then
list.from = list.from + 1
return true
end
for at = list.from + 1, #list do
if list[at] == location then
return false
end
end
return not places.run(location)
end
function places.without(value, location)
local left = {}
for each in string.gmatch(value or '', '%S+') do
if each ~= location then
left[#left + 1] = each
end
end
return table.concat(left, ' ')
end
function places.leave(of, place, location, run)
local rest = places.without(places.get(of, place), location)
leave_run(of, location, rest)
if rest == '' then
places.pass_on(of, place, run)
else
redis.call('HSET', of.busy, place, rest)
end
end
function places.move(of, place, from, to)
local value = places.get(of, place)
if not value then
redis.call('HSET', of.busy, place, to)
return
end
local list = {}
for each in string.gmatch(value, '%S+') do
list[#list + 1] = each == from and to or each
end
local rest = table.concat(list, ' ')
leave_run(of, from, rest)
redis.call('HSET', of.busy, place, rest)
end
function places.later(due, id)
return 'd' .. string.format('%.0f', due) .. '/' .. id
end
function places.enter(of, key, delivery)
local place = places.free(of, key)
if not place then
places.queue(of, key, delivery)
return
end
delivery.k = place
places.take(of, place, 'r' .. entry.put_ready(of.ready, delivery))
end
function places.delayed_location(of, delivery)
local location
for each in string.gmatch(places.get(of, delivery.k) or '', '%S+') do
location = string.match(each, '^d%d+/(.*)$') == delivery.i and each or location
end
return location
end
function places.leave_delayed(of, delivery)
local location = places.delayed_location(of, delivery)
if location then
places.leave(of, delivery.k, location, 1)
end
end
function places.due(of, delivery)
local location = delivery.k and places.delayed_location(of, delivery)
if location then
places.move(of, delivery.k, location, 'r' .. entry.put_ready(of.ready, delivery))
elseif delivery.q or delivery.k then
places.enter(of, delivery.q or places.key_of(delivery.k), delivery)
else
entry.put_ready(of.ready, delivery)
end
end
local function has_earlier(of, key, id)
local found = redis.call('ZRANGE', of.queued, '[' .. key .. '\\0', '(' .. members.prefix(key, id), 'BYLEX', 'LIMIT', 0, 1)
return found[1] ~= nil
end
function places.give_back(of, delivery, location)
local place = delivery.k
local key, value = places.key_of(place), places.get(of, place)
if not places.is_in(value, location) then
places.enter(of, key, delivery)
elseif places.follows(value, location) or has_earlier(of, key, delivery.i) then
places.queue(of, key, delivery)
places.leave(of, place, location, 1)
else
places.move(of, place, location, 'r' .. entry.put_ready(of.ready, delivery))
end
end
function places.dissolve(of, run)
for _, position in ipairs(places.positions(of, run)) do
local delivery = entry.read_ready(of.ready, position)
if delivery and delivery.k then
places.give_back(of, delivery, 'r' .. position)
end
end
redis.call('XDEL', of.ready, run)
end
function places.bury(of, delivery, location, position, stops)
if stops then
places.move(of, delivery.k, location, 'x' .. position)
else
places.leave(of, delivery.k, location, 1)
end
end
return places
end
local function placing(most, busy, queued, ready)
if most ~= '0' then
local places = load_places()
return places, places.open(busy, queued, ready, most)
end
end`, piece124, `local keys = KEYS
local each = ARGV[1]
local size = ARGV[2]
local plan = ARGV[3]
local DAY = 86400000
local stream, ready, answers = keys[1], keys[2], keys[3]
local of = effects.open(keys, plan, size, 7, 4)
local group, consumer, declared, durable, most, channels, print = unpack(of.fields, 1, 7)
local wrong = of.wrong
or typed(stream, 'stream')
or typed(ready, 'stream')
or typed(answers, 'hash')
or denied({ 'XACK', 'XDEL', 'XTRIM', 'XPENDING', 'XINFO', 'HSET', 'HDEL', 'PEXPIRE' }, stream, {})
local places, held = placing(most, keys[4], keys[5], ready)
wrong = wrong or held and (places.wrong(held) or denied({ 'XADD', 'ZRANGE', 'ZREMRANGEBYLEX' }, stream, {}))
local results, due = keys[held and 6 or 4], keys[held and 7 or 5]
local expires = false
local function is_leased(key, position)
local leases = redis.pcall('XPENDING', key, group, position, position, '1', consumer)
if leases.err and not string.match(leases.err, '^NOGROUP') then
error(leases)
end
return leases[1] ~= nil
end
local function read(key, position)
local fields, named = (redis.call('XRANGE', key, position, position)[1] or { position, {} })[2], {}
for at = 1, #fields, 2 do
named[fields[at]] = named[fields[at]] or fields[at + 1]
end
return named
end
local function place_of(key, position)
return read(key, position).k or ''
end
local function kept_of(key, position, given)
if channels == '' or given == '' then
return nil
elseif given ~= '?' then
local id, lasts = string.match(given, '^(%S+) (%d+)$')
return { i = id, o = 'r' .. lasts }
end
local named = read(key, position)
return named.o and string.find(named.o, '[ru]%d') and { i = named.i or position, o = named.o } or nil
end
local function out_of_order(place, location)
local value = places.get(held, place) or ''
if places.run(location) then
return not places.is_in(value, location) or places.follows(value, location)
end
return places.follows(value, location) or string.find(' ' .. value, ' ' .. location .. '/', 1, true) ~= nil
end
local items = (#ARGV - 3) / 1
if items == 1 then
local own, values = { unpack(KEYS, #KEYS - items * each + 1) }, ARGV[4]
do`, piece125, `end
return nil
end
local function item(own, values)`, piece125, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * each + done * each
local arg = 3 + done * 1
done = done + 1
local reply = item({ unpack(KEYS, key + 1, key + each) }, ARGV[arg + 1])`, piece6),
}

/**
 * Make several changes in a space: all of an item, or none.
 *
 * Invariants. Everything that can refuse is before the first write of an item: the types of all keys, the user's right to each
 * command, floors and ceilings, full streams, known ids, versions, scores that would be too large. Removing what has expired, a
 * bounded number of entries, is the only write before that, and no read can notice it. So all changes of an item are made, or none.
 * The changes, the events and the answer under the item's id are written by one script. Within the window of an id all calls with it
 * get the answer of the one that made its changes. A refused call is not stored.
 *
 * When the client's process dies: before the call, nothing is done. After it was sent, it is done or not; the client that asks again
 * with the same id makes it done once. Redis dies in the middle: the AOF and replicas get the writes of a script as one transaction,
 * so all of an item are there after the restart, or none. The items of a batch are such a transaction together.
 *
 * - shared keys `keys`: of the changes, at the indexes in the plan
 * - shared `each`: how many keys an item has
 * - shared `size`: how many texts the plan has
 * - shared `plan`: texts, each ending with a zero byte: milliseconds for which answers are stored, or nothing; what the calls of an id must have in common; 1 if WAIT follows; 1 to change nothing; then groups, see lua/_lib/record/effects.lua
 * - key `own`: the string of the id, if answers are stored; then those of the changes
 * - `values`: the texts of the changes, each ending with a zero byte
 * - replies 0: call again, more had to expire; more: the time, other periods are needed; text: "+", or "*" if all boards of the call are small, and the results; "=" and the first results of this id; "!": the id belongs to other changes; "-" and a line for each refused change
 * - on a full server refused: it adds entries, members and events
 */
export const recordRecord: Script<[keys: readonly string[], each: Arg, size: Arg, plan: Arg], [...own: string[], values: Arg], number | string> = {
  name: 'record/record',
  sha: 'a5af28ff4ffdbf92e9794048be3b8c2361c7b405',
  batch: 64,
  sharedKeys: true,
  shared: ["each","size","plan"],
  keys: ["own"],
  manyKeys: true,
  args: ["values"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua`, piece122, `local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece3, `local function load_adding()
local function due_at(due)
local delay = string.match(due, '^%+(%d+)$')
return delay and math.ceil(now / 1000) + delay or tonumber(due) or 0
end
local function load_limits()
local function earlier(a, b)
local a_time, a_number = string.match(a, '(%d+)-(%d+)')
local b_time, b_number = string.match(b, '(%d+)-(%d+)')
if a_time == b_time then
a_time, b_time = a_number, b_number
end
if #a_time ~= #b_time then
return #a_time < #b_time
end
return a_time < b_time
end
local MOST = '18446744073709551615'
local DIGITS = 9
local function plus_one(digits)
local head = string.sub(digits, 1, -DIGITS - 1)
local tail = string.format('%.0f', string.sub(digits, -DIGITS) + 1)
if head == '' then
return tail
end
if #tail > DIGITS then
return string.format('%.0f', head + 1) .. string.rep('0', DIGITS)
end
return head .. string.rep('0', DIGITS - #tail) .. tail
end
local function following(id)
local time, number = string.match(id, '(%d+)-(%d+)')
if number ~= MOST then
return time .. '-' .. plus_one(number)
end
return time == MOST and id or plus_one(time) .. '-0'
end
local function groups(stream)
local found = {}
for at, fields in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
local group = {}
for field = 1, #fields, 2 do
group[fields[field]] = fields[field + 1]
end
found[at] = group
end
return found
end
local function ids(stream, first, last, most)
local found, bytes = {}, 0
for step = 1, most do
local count = math.min(step == 1 and 4 or 16, most - #found)
if count <= 0 or bytes >= 262144 then
return found, false
end
local page = redis.call('XRANGE', stream, first, last, 'COUNT', count)
for _, entry in ipairs(page) do
found[#found + 1] = entry[1]
for _, text in ipairs(entry[2]) do
bytes = bytes + #text
end
end
if #page < count then
return found, true
end
first = '(' .. page[count][1]
end
return found, false
end
local limits = { backlog = nil, trim = nil }
local EVERY, MOST = 64, 256
local function finished(stream)
local bound
for _, group in ipairs(groups(stream)) do
local first
if group.pending > 0 then
first = redis.call('XPENDING', stream, group.name, '-', '+', 1)[1][1]
else
first = following(group['last-delivered-id'])
end
if not bound or earlier(first, bound) then
bound = first
end
end
return bound
end
function limits.backlog(stream)
if not stream.backlog then
local most = 0
for _, group in ipairs(stream.length > 0 and groups(stream.key) or {}) do
most = math.max(most, group.lag and group.lag + group.pending or stream.length)
end
stream.backlog = most
end
return stream.backlog
end
local function note_missed(stream, list, at)
local final = list[at - 1]
for _, group in ipairs(groups(stream.key)) do
local missed = 0
for before = at - 1, 1, -1 do
if not earlier(group['last-delivered-id'], list[before]) then
break
end
missed = missed + 1
end
if group.pending > 0 then
missed = missed + #redis.call('XPENDING', stream.key, group.name, list[1], final, at - 1)
end
if missed > 0 then
stream.missed[group.name] = (stream.missed[group.name] or 0) + missed
end
end
end
function limits.trim(stream)
local key, age = stream.key, stream.age
local bound = not stream.lossy and finished(key) or nil
local over = stream.entries > 0 and stream.length - stream.entries or 0
if stream.bytes > 0 then
local bytes = redis.pcall('MEMORY', 'USAGE', key)
if type(bytes) == 'number' and bytes > stream.bytes then
over = math.max(over, 2 * EVERY)
end
end
local oldest = age > 0 and now / 1000 - age or 0
local most = math.min(oldest > 0 and MOST or over, MOST)
if most <= 0 or (bound and not earlier(redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1][1], bound)) then
return 0
end
local list = ids(key, '-', '+', most + 1)
for at, id in ipairs(list) do
local wanted = at <= over or tonumber(string.match(id, '%d+')) < oldest
if at == #list or not wanted or (bound and not earlier(id, bound)) then
if at <= 1 then
return 0
end
if stream.lossy and stream.missed then
note_missed(stream, list, at)
end
return redis.call('XTRIM', key, 'MINID', '=', id)
end
end
return 0
end
return limits
end
local function load_ordered()
local function earlier(a, b)
local a_time, a_number = string.match(a, '(%d+)-(%d+)')
local b_time, b_number = string.match(b, '(%d+)-(%d+)')
if a_time == b_time then
a_time, b_time = a_number, b_number
end
if #a_time ~= #b_time then
return #a_time < #b_time
end
return a_time < b_time
end
local MOST = '18446744073709551615'
local DIGITS = 9
local function plus_one(digits)
local head = string.sub(digits, 1, -DIGITS - 1)
local tail = string.format('%.0f', string.sub(digits, -DIGITS) + 1)
if head == '' then
return tail
end
if #tail > DIGITS then
return string.format('%.0f', head + 1) .. string.rep('0', DIGITS)
end
return head .. string.rep('0', DIGITS - #tail) .. tail
end
local function following(id)
local time, number = string.match(id, '(%d+)-(%d+)')
if number ~= MOST then
return time .. '-' .. plus_one(number)
end
return time == MOST and id or plus_one(time) .. '-0'
end
local function reserve(stream)
if not stream.last then
local info = redis.call('XINFO', 'STREAM', stream.key)
for at = 1, #info, 2 do
if info[at] == 'last-generated-id' then
stream.last = info[at + 1]
end
end
end
local present = string.format('%.0f-0', math.floor(now / 1000))
local id = earlier(stream.last, present) and present or following(stream.last)
local done = redis.pcall('XSETID', stream.key, id)
if done.err then
return done
end
stream.last = id
return id
end
local function sortable(id)
local ms, number = string.match(id, '^(%d+)-(%d+)$')
return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end
local members = { from = nil }
function members.prefix(key, id)
return key .. '\\0' .. sortable(id) .. '\\0'
end
function members.from(key, delivery)
local more = ''
if delivery.a > 0 or delivery.f > 0 or delivery.v or delivery.o then
more = string.format('%.0f %.0f %.0f ', delivery.a, delivery.f, delivery.v or 0) .. (delivery.o or '')
end
return members.prefix(key, delivery.i) .. (delivery.t or '') .. '\\0' .. more .. '\\0' .. delivery.d
end
function members.entry(member, length)
length = length or #string.match(member, '^[^%z]*')
local ms, number, trace, more, payload =
string.match(member, '^%z%u(%d+)%u(%d+)%z([^%z]*)%z([^%z]*)%z(.*)$', length + 1)
if not ms then
return nil
end
local delivery = { i = ms .. '-' .. number, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil }
if more ~= '' then
local a, f, v, o = string.match(more, '^(%d+) (%d+) (%d+) (.*)$')
if not a then
return nil
end
delivery.a, delivery.f = tonumber(a), tonumber(f)
delivery.v = v ~= '0' and tonumber(v) or nil
delivery.o = o ~= '' and o or nil
end
return delivery
end
function members.may_run(member, length)
return string.find(member, '^%z%u%d+%u%d+%z[^%z]*%z%z', length + 1) ~= nil
end
function members.position(position)
return string.match(position, '^([^/]*)/(%d+)$')
end
function members.of_run(fields, nth)
local member = fields[1] == 'k' and fields[2 * nth + 1] == 'm' and fields[2 * nth + 2]
local delivery = member and members.entry(member)
if delivery then
delivery.k = fields[2]
end
return delivery or nil
end
local function load_members()
return members
end
local entry = {}
local function fields_of(stream, id)
local found = redis.call('XRANGE', stream, id, id)[1]
if not found then
return nil
end
local fields, named = found[2], {}
for at = 1, #fields, 2 do
named[fields[at]] = named[fields[at]] or fields[at + 1]
end
return fields, named
end
local function is_count(text)
return text and #text <= 15 and string.match(text, '^%d+$')
end
local function added(fields, named)
local names = 'd' .. (named.t and 't' or '') .. (named.n and 'n' or '') .. (named.o and 'o' or '')
.. (named.k and 'k' or named.q and 'q' or '')
for at = 1, #fields, 2 do
if fields[at] ~= string.sub(names, (at + 1) / 2, (at + 1) / 2) then
return false
end
end
return #fields == 2 * #names and (not named.n or is_count(named.n))
end
function entry.read(stream, id)
local fields, named = fields_of(stream, id)
if not fields then
return nil
end
if added(fields, named) then
return { i = id, a = 0, f = 0, d = named.d, t = named.t, n = tonumber(named.n or nil), k = named.k, q = named.q, o = named.o }
end
return { i = id, a = 0, f = 0, d = named.d or fields[2] }
end
function entry.read_ready(stream, id)
local position, nth = string.match(id, '^([^/]*)/(%d+)$')
local fields, named = fields_of(stream, position or id)
if not fields then
return nil
end
if position then
return load_members().of_run(fields, nth) or { i = '0-0', a = 0, f = 0, d = fields[2 * nth + 2] or '', foreign = true }
end
if named.k and not named.a and not named.f then
named.a, named.f = '0', '0'
end
if string.match(named.i or '', '^%d+%-%d+$') and is_count(named.a) and is_count(named.f) and named.d then
local v = is_count(named.v) and tonumber(named.v) or nil
local k = not named.g and named.k or nil
return { i = named.i, a = tonumber(named.a), f = tonumber(named.f), d = named.d, t = named.t, v = v, k = k, q = named.q, o = named.o }
end
return { i = '0-0', a = 0, f = 0, d = named.d or fields[2], foreign = true }
end
function entry.put_ready(ready, delivery)
if delivery.foreign then
return redis.call('XADD', ready, '*', 'd', delivery.d)
end
local place = delivery.k
if place and delivery.f == 0 and delivery.a == 0 and not delivery.t and not delivery.v and not delivery.o then
return redis.call('XADD', ready, '*', 'i', delivery.i, 'd', delivery.d, 'k', place)
end
local add = { 'XADD', ready, '*', 'i', delivery.i, 'a', delivery.a, 'f', delivery.f, 'd', delivery.d }
for _, name in ipairs({ 't', 'v', 'k', 'o' }) do
if delivery[name] then
add[#add + 1] = name
add[#add + 1] = delivery[name]
end
end
return redis.call(unpack(add))
end
function entry.put_delayed(delayed, delivery, due)
local fields = { delivery.i, delivery.a, delivery.f, delivery.d, delivery.t }
if delivery.k or delivery.q or delivery.o or delivery.v then
fields[5], fields[6], fields[7], fields[8] = delivery.t or '', delivery.k or '', delivery.q or '', delivery.o
end
if delivery.v then
fields[8], fields[9] = delivery.o or '', delivery.v
end
local packed = cmsgpack.pack(fields)
redis.call('ZADD', delayed, string.format('%.0f', due), packed)
return packed
end
function entry.attempts(delivery, usual)
return tonumber(delivery.o and string.match(delivery.o, 'a(%d+)') or usual)
end
function entry.give_back(ready, delayed, delivery, ms)
delivery.f = delivery.f + 1
if delivery.n and delivery.n > ms then
entry.put_delayed(delayed, delivery, delivery.n)
else
entry.put_ready(ready, delivery)
end
end
function entry.put_dead(dead, delivery, group, kind, reason)
local i, a, f, d = delivery.i, delivery.a, delivery.f, delivery.d
local add = { 'XADD', dead, '*', 'i', i, 'a', a, 'f', f, 'g', group, 'k', kind, 'e', reason, 'd', d }
local q = delivery.q or delivery.k and string.match(delivery.k, '^[^\\1]*')
for name, value in pairs({ t = delivery.t, q = q, o = delivery.o }) do
add[#add + 1] = name
add[#add + 1] = value
end
return redis.call(unpack(add))
end
function entry.unpacked(packed)
local ok, found = pcall(cmsgpack.unpack, packed)
if not ok or type(found) ~= 'table' then
return nil
end
local i, a, f, d, t, k, q, o, v = unpack(found, 1, 9)
local known = type(i) == 'string' and string.match(i, '^%d+%-%d+$') and type(a) == 'number' and type(f) == 'number'
if not known or type(d) ~= 'string' or (t ~= nil and type(t) ~= 'string') then
return nil
end
local function given(text)
return type(text) == 'string' and text ~= '' and text or nil
end
return { i = i, a = a, f = f, d = d, t = given(t), k = given(k), q = given(q), o = given(o), v = type(v) == 'number' and v or nil }
end
function entry.put_due(dead, group, packed, put)
local delivery = entry.unpacked(packed)
if delivery then
put(delivery)
else
local found = { i = '0-0', a = 0, f = 0, d = packed }
entry.put_dead(dead, found, group, 'invalid', 'a delayed entry cannot be read: something other than penknife wrote it')
end
return delivery ~= nil
end
local function expanded(value)
if not value or not string.find(value, ':', 1, true) then
return value
end
return (string.gsub(value, '(r[^/ ]*/)(%d+):(%d+)', function(run, first, last)
local all = {}
for nth = tonumber(first), tonumber(last) do
all[#all + 1] = run .. nth
end
return table.concat(all, ' ')
end))
end
local function typed(key, type)
local is = redis.call('TYPE', key).ok
if is ~= type and is ~= 'none' then
return { err = 'WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. type }
end
end
local places = { open = nil }
local STEP, MOST_BYTES, SMALL, BEHIND = 4, 65536, 1024, '\\1'
function places.open(busy, queued, ready, most)
return { busy = busy, queued = queued, ready = ready, most = tonumber(most), small = false }
end
function places.wrong(of)
return typed(of.busy, 'hash') or typed(of.queued, 'zset')
end
function places.key_of(place)
return string.match(place, '^[^\\1]*')
end
local function named(key, number)
return number == 1 and key or key .. '\\1' .. number
end
function places.free(of, key)
for number = 1, of.most do
local place = named(key, number)
if redis.call('HEXISTS', of.busy, place) == 0 then
return place
end
end
end
function places.take(of, place, location)
redis.call('HSET', of.busy, place, location)
end
function places.get(of, place)
return expanded(redis.call('HGET', of.busy, place))
end
function places.first(of, place)
return string.match(places.get(of, place) or '', '^%S+')
end
function places.queue(of, key, delivery)
redis.call('ZADD', of.queued, 0, members.from(key, delivery))
end
function places.is_queued(of, key, id)
local prefix = members.prefix(key, id)
return redis.call('ZRANGE', of.queued, '[' .. prefix, '(' .. prefix .. '\\255', 'BYLEX', 'LIMIT', 0, 1)[1] ~= nil
end
function places.unqueue(of, key, delivery)
redis.call('ZREM', of.queued, members.from(key, delivery))
end
function places.queued_entry(member)
return members.entry(member)
end
function places.queued_match(id)
return '*' .. members.prefix('', id) .. '*'
end
local function first_queued(of, key, run)
local from, to = '[' .. key .. '\\0', '(' .. key .. '\\1'
local count = of.small and run or math.min(run, STEP)
local found = redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', '0', count)
of.small = found[1] and #found[1] < SMALL
if run > count and #found == count and of.small then
for _, member in ipairs(redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', count, run - count)) do
found[#found + 1] = member
end
end
return found
end
local function put_run(of, place, run)
local add = { 'XADD', of.ready, '*', 'k', place }
for at, member in ipairs(run) do
add[2 * at + 4], add[2 * at + 5] = 'm', member
end
return 'r' .. redis.call(unpack(add)) .. '/1:' .. #run
end
local function run_of(found, length)
local run, bytes = {}, 0
for at, member in ipairs(found) do
bytes = bytes + #member
if at > 1 and bytes > MOST_BYTES or not members.may_run(member, length) then
break
end
run[at] = member
end
return run, bytes
end
function places.pass_on(of, place, run, later)
local key, number = place, ''
if string.find(place, '\\1', 1, true) then
key, number = string.match(place, '^([^\\1]*)\\1(%d*)$')
end
local found = (tonumber(number) or 1) <= of.most and first_queued(of, key, run) or {}
later = later or { busy = {}, free = {}, behind = 0, alone = true }
local together, bytes = run_of(found, #key)
local locations
if together[2] then
locations = put_run(of, place, together)
later.behind = later.behind + #together - 1
redis.call('ZREM', of.queued, unpack(together))
elseif found[1] then
local delivery = members.entry(found[1], #key)
if delivery then
delivery.k = place
locations = 'r' .. entry.put_ready(of.ready, delivery)
else
entry.put_ready(of.ready, { foreign = true, d = found[1] })
end
redis.call('ZREM', of.queued, found[1])
end
if locations then
later.busy[#later.busy + 1] = place
later.busy[#later.busy + 1] = locations
else
later.free[#later.free + 1] = place
end
if later.alone then
places.done(of, later)
end
return bytes
end
local function count_behind(of, change)
if change ~= 0 and redis.call('HINCRBY', of.busy, BEHIND, change) <= 0 then
redis.call('HDEL', of.busy, BEHIND)
end
end
function places.done(of, later)
if later.busy[1] then
redis.call('HSET', of.busy, unpack(later.busy))
end
if later.free[1] then
redis.call('HDEL', of.busy, unpack(later.free))
end
count_behind(of, later.behind)
end
function places.run(location)
return string.match(location, '^(r[^/]*/)')
end
local function leave_run(of, location, rest)
local run = places.run(location)
if run and string.find(rest, run, 1, true) then
count_behind(of, -1)
end
end
function places.left(of, place, position)
local base = members.position(position)
if base and string.find(redis.call('HGET', of.busy, place) or '', 'r' .. base .. '/', 1, true) then
return nil
end
return base or position
end
function places.is_in(value, location)
return value and string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true) ~= nil
end
function places.positions(of, position)
local found = redis.call('XRANGE', of.ready, position, position)[1]
local fields = found and found[2] or {}
if fields[1] ~= 'k' or fields[3] ~= 'm' then
return { position }
end
local value, all, there = places.get(of, fields[2]), {}, {}
for nth = 1, #fields / 2 - 1 do
all[nth] = position .. '/' .. nth
if places.is_in(value, 'r' .. all[nth]) then
there[#there + 1] = all[nth]
end
end
return there[1] and there or all
end
function places.follows(value, location)
if not value or value == location then
return false
end
local at = string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true)
return at ~= nil and at > 1
end
function places.list(value)
local list = { from = 1 }
for each in string.gmatch(expanded(value) or '', '%S+') do
list[#list + 1] = each
end
return list
end
function places.shift(list, location)
if list[list.from] == location then
list.from = list.from + 1
return true
end
for at = list.from + 1, #list do
if list[at] == location then
return false
end
end
return not places.run(location)
end
function places.without(value, location)
local left = {}
for each in string.gmatch(value or '', '%S+') do
if each ~= location then
left[#left + 1] = each
end
end
return table.concat(left, ' ')
end
function places.leave(of, place, location, run)
local rest = places.without(places.get(of, place), location)
leave_run(of, location, rest)
if rest == '' then
places.pass_on(of, place, run)
else
redis.call('HSET', of.busy, place, rest)
end
end
function places.move(of, place, from, to)
local value = places.get(of, place)
if not value then
redis.call('HSET', of.busy, place, to)
return
end
local list = {}
for each in string.gmatch(value, '%S+') do
list[#list + 1] = each == from and to or each
end
local rest = table.concat(list, ' ')
leave_run(of, from, rest)
redis.call('HSET', of.busy, place, rest)
end
function places.later(due, id)
return 'd' .. string.format('%.0f', due) .. '/' .. id
end
function places.enter(of, key, delivery)
local place = places.free(of, key)
if not place then
places.queue(of, key, delivery)
return
end
delivery.k = place
places.take(of, place, 'r' .. entry.put_ready(of.ready, delivery))
end
function places.delayed_location(of, delivery)
local location
for each in string.gmatch(places.get(of, delivery.k) or '', '%S+') do
location = string.match(each, '^d%d+/(.*)$') == delivery.i and each or location
end
return location
end
function places.leave_delayed(of, delivery)
local location = places.delayed_location(of, delivery)
if location then
places.leave(of, delivery.k, location, 1)
end
end
function places.due(of, delivery)
local location = delivery.k and places.delayed_location(of, delivery)
if location then
places.move(of, delivery.k, location, 'r' .. entry.put_ready(of.ready, delivery))
elseif delivery.q or delivery.k then
places.enter(of, delivery.q or places.key_of(delivery.k), delivery)
else
entry.put_ready(of.ready, delivery)
end
end
local function has_earlier(of, key, id)
local found = redis.call('ZRANGE', of.queued, '[' .. key .. '\\0', '(' .. members.prefix(key, id), 'BYLEX', 'LIMIT', 0, 1)
return found[1] ~= nil
end
function places.give_back(of, delivery, location)
local place = delivery.k
local key, value = places.key_of(place), places.get(of, place)
if not places.is_in(value, location) then
places.enter(of, key, delivery)
elseif places.follows(value, location) or has_earlier(of, key, delivery.i) then
places.queue(of, key, delivery)
places.leave(of, place, location, 1)
else
places.move(of, place, location, 'r' .. entry.put_ready(of.ready, delivery))
end
end
function places.dissolve(of, run)
for _, position in ipairs(places.positions(of, run)) do
local delivery = entry.read_ready(of.ready, position)
if delivery and delivery.k then
places.give_back(of, delivery, 'r' .. position)
end
end
redis.call('XDEL', of.ready, run)
end
function places.bury(of, delivery, location, position, stops)
if stops then
places.move(of, delivery.k, location, 'x' .. position)
else
places.leave(of, delivery.k, location, 1)
end
end
local ordered = { wrong = nil, add = nil, is_queued = nil }
local function places_of(stream)
stream.held = stream.held or places.open(stream.busy, stream.queued, nil, stream.places)
return stream.held
end
function ordered.wrong(stream)
return places.wrong(places_of(stream))
end
function ordered.is_queued(stream, key, id)
return places.is_queued(places_of(stream), key, id)
end
function ordered.add(stream, key, payload, trace, own)
local of = places_of(stream)
local place = places.free(of, key)
if not place then
local id = reserve(stream)
if type(id) == 'table' then
return id
end
redis.call('HINCRBY', of.busy, '', 1)
places.queue(of, key, { i = id, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil, o = own ~= '' and own or nil })
return id
end
local id
if trace == '' and own == '' then
id = redis.pcall('XADD', stream.key, '*', 'd', payload, 'k', place)
else
local add = { 'XADD', stream.key, '*', 'd', payload }
for _, field in ipairs({ { 't', trace }, { 'o', own }, { 'k', place } }) do
if field[2] ~= '' then
add[#add + 1] = field[1]
add[#add + 1] = field[2]
end
end
id = redis.pcall(unpack(add))
end
if type(id) ~= 'table' then
places.take(of, place, 'm' .. id)
end
return id
end
return ordered
end
local function load_tagging()
local function sortable(id)
local ms, number = string.match(id, '^(%d+)-(%d+)$')
return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end
local tagging = { open = nil, wrong = nil, put = nil, replace = nil }
local MOST, MOST_TAGS = 64, 8
function tagging.open(key, limits)
local entries, age = string.match(limits, '(%d+) (%d+)')
local step = math.min(MOST, math.ceil(entries / 16))
return { key = key, entries = tonumber(entries), age = tonumber(age), step = step, count = nil, fresh = true }
end
function tagging.wrong(of)
local count = redis.pcall('ZCOUNT', of.key, '0', '0')
if type(count) == 'table' then
return count
end
of.count = count
return denied({ 'ZADD', 'ZREM', 'ZRANGE', 'PEXPIRE' }, of.key, {})
end
local function members(command, place, tags, scored)
command[#command + 1] = scored and '0' or nil
command[#command + 1] = '\\1' .. place .. tags
local count = 0
for tag in string.gmatch(tags, '\\1([^\\1]+)') do
count = count + 1
if count > MOST_TAGS then
break
end
command[#command + 1] = scored and '1' or nil
command[#command + 1] = tag .. '\\1' .. place
end
return command
end
local function oldest(of, most)
return redis.call('ZRANGE', of.key, '0', '0', 'BYSCORE', 'LIMIT', 0, most)
end
local function is_old(of, record)
return tonumber(string.match(record, '^\\1%a(%d+)') or 0) < now / 1000 - of.age
end
local function remove(of, records, must_go)
local command = { 'ZREM', of.key }
for _, record in ipairs(records) do
if not must_go(record) then
break
end
local place, tags = string.match(record, '^\\1([^\\1]*)(.*)$')
if place then
members(command, place, tags)
else
command[#command + 1] = record
end
of.count = of.count - 1
end
if #command > 2 then
redis.call(unpack(command))
end
end
function tagging.put(of, id, tags)
redis.call(unpack(members({ 'ZADD', of.key }, sortable(id), tags, true)))
of.count = of.count + 1
local fresh = of.fresh
if fresh then
of.fresh = false
redis.call('PEXPIRE', of.key, of.age)
end
if of.count - of.entries >= of.step or fresh and is_old(of, oldest(of, 1)[1]) then
remove(of, oldest(of, MOST), function(record)
return of.count > of.entries or is_old(of, record)
end)
end
end
function tagging.replace(of, id, tags)
local begin = '\\1' .. sortable(id) .. '\\1'
local records = redis.call('ZRANGE', of.key, '[' .. begin, '(\\1' .. sortable(id) .. '\\2', 'BYLEX', 'LIMIT', 0, 1)
remove(of, records, function()
return true
end)
if tags ~= '' then
tagging.put(of, id, tags)
end
end
return tagging
end
local append = { open = nil, prepare = nil, apply = nil, wrong = nil, split = nil, retag = nil }
local EVERY, LARGE = 64, 2048
function append.open(keys, from, limits)
local queue, most, entries, bytes, age, lossy, declare, names, tagged =
string.match(limits, '(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) ?([^;]*);?(.*)')
local ordered = queue ~= '0' and queue ~= '1' and load_ordered() or nil
local tagging = tagged ~= '' and load_tagging() or nil
return {
key = keys[from],
queue = queue ~= '0',
ordered = ordered,
busy = keys[from + 1],
queued = keys[from + 2],
tagging = tagging,
tags = tagging and tagging.open(keys[from + (ordered and 3 or 1)], tagged),
places = queue - 1,
last = nil,
most = tonumber(most),
counts = queue ~= '1' or most ~= '0',
entries = tonumber(entries),
bytes = tonumber(bytes),
age = tonumber(age),
lossy = lossy == '1',
declares = declare == '1',
names = names,
length = nil,
backlog = nil,
prepared = 0,
fresh = true,
bounds = nil,
count = nil,
put = nil,
}
end
local function limits_of(stream)
stream.bounds = stream.bounds or load_limits()
return stream.bounds
end
local function backlog_of(stream)
return stream.queue and stream.length or limits_of(stream).backlog(stream)
end
local function declare(stream)
for name in string.gmatch(stream.names, '%S+') do
local made = redis.pcall('XGROUP', 'CREATE', stream.key, name, '0', 'MKSTREAM')
if made.err and not string.match(made.err, '^BUSYGROUP') then
return made
end
end
end
function append.wrong(stream)
return stream.ordered and stream.ordered.wrong(stream) or stream.tagging and stream.tagging.wrong(stream.tags) or nil
end
function append.split(stream, payload)
local from = stream.tagging and string.find(payload, '\\1', 1, true)
if not from then
return payload, ''
end
return string.sub(payload, 1, from - 1), string.sub(payload, from)
end
function append.retag(stream, id, tags)
if stream.tagging then
stream.tagging.replace(stream.tags, id, tags)
end
end
function append.prepare(stream)
if not stream.length then
local length = redis.pcall('XLEN', stream.key)
if type(length) == 'table' then
return length
end
if stream.ordered or stream.tagging then
local wrong = append.wrong(stream)
if wrong then
return wrong
end
length = stream.ordered and length + redis.call('ZCARD', stream.queued) or length
end
if stream.count then
local more = stream.count()
if type(more) == 'table' then
return more
end
length = length + more
end
stream.length = length
stream.declares = stream.names ~= ''
and (stream.declares or (length == 0 or stream.ordered or stream.put) and redis.call('EXISTS', stream.key) == 0)
end
if stream.counts then
local most = stream.most - stream.prepared
if stream.most > 0 and stream.length >= most and backlog_of(stream) >= most then
return false
end
stream.prepared = stream.prepared + 1
end
return true
end
local function added(stream, payload)
local length = stream.length + 1
stream.length = length
if stream.backlog then
stream.backlog = stream.backlog + 1
end
if not stream.queue then
local every = #payload <= LARGE and EVERY or math.max(1, math.floor(EVERY * LARGE / #payload))
if length % every == 0 or (stream.fresh and stream.age > 0) then
local ok, trimmed = pcall(limits_of(stream).trim, stream)
stream.length = ok and length - trimmed or length
end
end
stream.fresh = false
end
function append.apply(stream, payload, trace, due)
local counts, declares = stream.counts, stream.declares
if counts then
stream.prepared = stream.prepared - 1
end
if declares then
local refused = declare(stream)
if refused then
return refused
end
stream.declares = false
end
local id, key, tags
local own = ''
if stream.tagging then
payload, tags = append.split(stream, payload)
end
if stream.ordered then
due, key = string.match(due, '^(%S*) ?(.*)$')
end
if due ~= '' then
due, own = string.match(due, '^([^;]*);?(.*)$')
end
if key and key ~= '' and due == '' then
id = stream.ordered.add(stream, key, payload, trace, own)
elseif stream.put then
id = stream.put(stream, payload, trace, due, own)
elseif trace == '' and due == '' and own == '' then
id = redis.pcall('XADD', stream.key, '*', 'd', payload)
else
local add = { 'XADD', stream.key, '*', 'd', payload }
if trace ~= '' then
add[#add + 1] = 't'
add[#add + 1] = trace
end
if due ~= '' then
add[#add + 1] = 'n'
add[#add + 1] = string.format('%.0f', due_at(due))
end
if own ~= '' then
add[#add + 1] = 'o'
add[#add + 1] = own
end
if key and key ~= '' then
add[#add + 1] = 'q'
add[#add + 1] = key
end
id = redis.pcall(unpack(add))
end
if (stream.ordered or stream.put) and type(id) == 'string' then
stream.last = id
end
if type(id) == 'table' then
if declares then
error(id)
end
return id
end
if tags and tags ~= '' then
stream.tagging.put(stream.tags, id, tags)
end
if counts then
added(stream, payload)
end
return id
end
local adding = { rank = 4, texts = 3, lean_texts = 1, fields = 1, open = nil, commands = nil, prepare = nil, apply = nil }
function adding.open(group, keys, from, _, fields, at, streams)
local key = keys[from]
streams[key] = streams[key] or append.open(keys, from, fields[at])
group.of = streams[key]
end
function adding.commands(group)
if group.of.ordered then
return { 'XADD', 'XGROUP', 'XSETID', 'XINFO', 'ZADD', 'HEXISTS', 'HSET', 'HINCRBY' }
end
return group.of.names ~= '' and { 'XADD', 'XGROUP' } or { 'XADD' }
end
function adding.prepare(group)
local stream = group.of
stream.prepared = 0
for nth = 1, group.n do
local may = append.prepare(stream)
if may == false then
return nil, nth .. ' full'
elseif may ~= true then
return nil, may
end
end
return true
end
function adding.apply(group, _, texts, from)
local stream, lean = group.of, group.lean
if lean and group.n == 1 then
return append.apply(stream, texts[from], '', '')
end
local ids = {}
for nth = 1, group.n do
local id
if lean then
id = append.apply(stream, texts[from], '', '')
from = from + 1
else
id = append.apply(stream, texts[from], texts[from + 1], texts[from + 2])
from = from + 3
end
if type(id) == 'table' then
if nth > 1 then
error(id)
end
return id
end
ids[nth] = id
end
return table.concat(ids, '\\n')
end
return adding
end
local function load_publishing()
local publication = { prepare = nil, apply = nil }
local ms = math.floor(now / 1000)
local allowed = {}
local function time_of(event)
return event[2][7] == 'a' and tonumber(event[2][8]) or nil
end
local function trim_old(history, age)
local first = redis.call('XRANGE', history, '-', '+', 'COUNT', 3)
local cut
for at = 1, #first - 1 do
local at_ms = time_of(first[at])
if at_ms and at_ms >= ms - age then
break
end
cut = first[at + 1][1]
end
if cut then
redis.call('XTRIM', history, 'MINID', '=', cut)
end
end
local function id_after(id)
local epoch, offset = string.match(id, '(%d+)-(%d+)')
if tonumber(epoch) >= 9e15 then
return nil
end
if #offset < 15 then
return epoch .. '-*'
end
return string.format('%.0f-1', math.max(now, epoch + 1))
end
local function last_generated(history)
local info = redis.call('XINFO', 'STREAM', history)
for at = 1, #info, 2 do
if info[at] == 'last-generated-id' then
return info[at + 1]
end
end
end
local function add(channel, ...)
local history, keep = channel.history, channel.keep
local id = redis.pcall('XADD', history, 'MAXLEN', '~', keep, channel.id, ...)
if not id.err or not string.find(id.err, 'equal or smaller', 1, true) then
return id
end
local next_id = id_after(last_generated(history))
return next_id and redis.pcall('XADD', history, 'MAXLEN', '~', keep, next_id, ...) or id
end
function publication.prepare(channel, once)
local first = once and redis.pcall('GET', once)
if first then
return first
end
local newest = redis.pcall('XREVRANGE', channel.history, '+', '-', 'COUNT', '1')
if newest.err then
return newest
end
local last = newest[1]
if last then
local id = id_after(last[1])
if not id then
return { err = 'ERR nothing can follow the id ' .. last[1] .. ' of ' .. channel.history .. ', which penknife did not write: delete that entry' }
end
local fields = last[2]
channel.id = id
channel.tag = fields[5] == 'g' and fields[6] or ''
channel.at = channel.age > 0 and time_of(last) or 0
channel.reserved = string.sub(last[1], -2) == '-0'
else
channel.tag, channel.at, channel.reserved = '', 0, true
end
if channel.reserved then
local epoch = redis.pcall('ZSCORE', channel.next, channel.history)
if epoch and epoch.err then
return epoch
end
channel.reserved = epoch
if not last then
channel.id = string.format('%.0f-1', epoch or now)
end
end
local live = channel.live
if allowed[live] == nil then
allowed[live] = redis.acl_check_cmd('SPUBLISH', live, '')
end
return allowed[live] or { err = 'ERR the user may not publish on the channel ' .. live }
end
function publication.apply(channel, once, kind, json, coalesce, lasts)
local history, age = channel.history, channel.age
local tag = string.sub(redis.sha1hex(channel.tag .. '\\n' .. kind .. '\\n' .. json), 1, 6)
local id
if age == 0 and coalesce == '' and lasts == '0' then
id = add(channel, 't', kind, 'd', json, 'g', tag)
else
local fields = { 't', kind, 'd', json, 'g', tag }
if age > 0 then
fields[#fields + 1] = 'a'
fields[#fields + 1] = string.format('%.0f', math.max(ms, channel.at))
end
if coalesce ~= '' then
fields[#fields + 1] = 'c'
fields[#fields + 1] = coalesce
end
if lasts ~= '0' then
fields[#fields + 1] = 'x'
fields[#fields + 1] = string.format('%.0f', ms + lasts)
end
id = add(channel, unpack(fields))
end
if id.err then
return id
end
channel.tag = tag
local event_id = id .. '-' .. tag
redis.call('SPUBLISH', channel.live, event_id .. '\\n' .. kind .. '\\n' .. json)
redis.call('PEXPIRE', history, channel.ttl)
if channel.reserved then
redis.call('ZREM', channel.next, history)
end
if once then
redis.call('SET', once, event_id, 'PX', channel.window)
end
if age > 0 then
trim_old(history, age)
end
return event_id
end
local publishing = { rank = 1, texts = 5, lean_texts = 3, fields = 3, open = nil, commands = nil, prepare = nil, apply = nil }
function publishing.open(group, keys, from, _, fields, at)
group.of = {
history = false,
next = keys[from],
live = false,
keep = fields[at],
ttl = fields[at + 1],
age = tonumber(fields[at + 2]),
window = 0,
id = '',
tag = '',
at = 0,
reserved = false,
}
end
function publishing.commands(group)
return group.of.age > 0 and { 'XADD', 'PEXPIRE', 'ZREM', 'XINFO', 'XRANGE', 'XTRIM' } or { 'XADD', 'PEXPIRE', 'ZREM', 'XINFO' }
end
function publishing.prepare(group, texts, from, key)
local channel = group.of
channel.history, channel.live = key, texts[from]
local may = publication.prepare(channel)
if may ~= true then
return nil, may
end
return true
end
local function read_again(channel)
local may = publication.prepare(channel)
if may ~= true then
error(may)
end
end
local function announce(group, texts, from, board)
local change = board.ranking[group.line]
if not change then
return ''
end
local json = texts[from + 2]
local coalesce, lasts = '', '0'
if not group.lean then
coalesce, lasts = texts[from + 3], texts[from + 4]
end
local before = json == '{}' and '{' or string.sub(json, 1, -2) .. ','
read_again(group.of)
return publication.apply(group.of, nil, texts[from + 1], before .. change .. '}', coalesce, lasts)
end
function publishing.apply(group, _, texts, from, other)
if other and other.announces then
return announce(group, texts, from, other)
end
local channel = group.of
if other then
read_again(channel)
end
if group.lean and group.n == 1 then
return publication.apply(channel, nil, texts[from + 1], texts[from + 2], '', '0')
end
local ids = {}
for nth = 1, group.n do
local id
if group.lean then
id = publication.apply(channel, nil, texts[from + 1], texts[from + 2], '', '0')
from = from + 3
else
id = publication.apply(channel, nil, texts[from + 1], texts[from + 2], texts[from + 3], texts[from + 4])
from = from + 5
end
if type(id) == 'table' then
if nth > 1 then
error(id)
end
return id
end
ids[nth] = id
end
return table.concat(ids, '\\n')
end
return publishing
end
local function load_changing()
local function typed(key, type)
local is = redis.call('TYPE', key).ok
if is ~= type and is ~= 'none' then
return { err = 'WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. type }
end
end
local board = {}
function board.open(keys, plan)
local open = {}
for at, window in ipairs(plan.windows) do
local period = 1
if window.next then
if now < window.start or now >= window.finish then
return nil
end
period = now < window.next and 1 or 2
end
open[at] = {
z = keys[window.z[period]],
d = window.d and keys[window.d[period]],
period = period,
lives = window.lives and window.lives[period],
log = window.log and keys[window.log],
parts = window.parts and keys[window.parts],
gone = window.gone and keys[window.gone],
last = window.last,
grain = window.grain,
}
end
return open
end
function board.wrong(plan, keys, open)
local wrong
for _, window in ipairs(open) do
wrong = wrong
or typed(window.z, 'zset')
or window.d and typed(window.d, 'zset')
or window.log and (typed(window.log, 'stream') or typed(window.gone, 'hash'))
or window.parts and typed(window.parts, 'hash')
end
return wrong or plan.ids and (typed(keys[plan.ids], 'hash') or typed(keys[plan.idlog], 'stream'))
end
function board.score(plan, value)
return plan.shift and math.floor(value / plan.shift) or value
end
function board.value(plan, score, time)
if not plan.shift then
return score
end
local ticks = math.floor((time - plan.since) / plan.unit)
return score * plan.shift + math.max(0, math.min(ticks, plan.shift - 1))
end
function board.text(plan, value)
return string.format(plan.limit and '%d' or '%.17g', value)
end
local function name_of(score)
return string.format('%.17g', score + 0)
end
function board.range(plan, set, start, stop)
if plan.reverse then
return redis.call('ZRANGE', set, start, stop, 'REV', 'WITHSCORES')
end
return redis.call('ZRANGE', set, start, stop, 'WITHSCORES')
end
function board.members(plan, set, start, stop)
if plan.reverse then
return redis.call('ZRANGE', set, start, stop, 'REV')
end
return redis.call('ZRANGE', set, start, stop)
end
function board.position(plan, set, member)
if plan.reverse then
return redis.call('ZREVRANK', set, member)
end
return redis.call('ZRANK', set, member)
end
function board.count(plan, set, best, worst)
if plan.reverse then
return redis.call('ZCOUNT', set, worst or '-inf', best or '+inf')
end
return redis.call('ZCOUNT', set, best or '-inf', worst or '+inf')
end
function board.differ(plan, window, before, after)
local old = before and board.score(plan, before)
local new = after and board.score(plan, after)
if old == new then
return
end
if new then
redis.call('ZADD', window.d, new, name_of(new))
end
if old then
local low, high = old, old
if plan.shift then
low, high = old * plan.shift, old * plan.shift + plan.shift - 1
end
if #redis.call('ZRANGE', window.z, low, high, 'BYSCORE', 'LIMIT', 0, 1) == 0 then
redis.call('ZREM', window.d, name_of(old))
end
end
end
function board.write(plan, window, member, before, after)
if after then
redis.call('ZADD', window.z, board.text(plan, after), member)
else
redis.call('ZREM', window.z, member)
end
if window.d then
board.differ(plan, window, before, after)
end
end
function board.write_all(plan, window, before, after)
local put, off = {}, {}
for member, value in pairs(after) do
if value and value ~= before[member] then
put[#put + 1] = board.text(plan, value)
put[#put + 1] = member
elseif not value and before[member] then
off[#off + 1] = member
end
end
if #put > 0 then
redis.call('ZADD', window.z, unpack(put))
end
if #off > 0 then
redis.call('ZREM', window.z, unpack(off))
end
if window.d then
for member, value in pairs(after) do
board.differ(plan, window, before[member], value)
end
end
end
function board.keep_with_log(window)
if redis.call('PTTL', window.z) ~= -1 then
return
end
local left = redis.call('PTTL', window.log)
redis.call('PEXPIRE', window.z, left)
if window.d then
redis.call('PEXPIRE', window.d, left)
end
end
local stamp = string.format('%.0f-*', now)
function board.append(log, ...)
local id = redis.pcall('XADD', log, stamp, ...)
if type(id) == 'table' and id.err then
return redis.call('XADD', log, '*', ...)
end
return id
end
function board.time_of(id)
return tonumber(string.match(id, '^(%d+)%-%d+'))
end
local function period_ttl(window)
local left = redis.call('PTTL', window.z)
if left == -1 then
local life = math.ceil((window.lives - now) / 1000)
redis.call('PEXPIRE', window.z, life)
if window.d then
redis.call('PEXPIRE', window.d, life)
end
end
return left ~= -2
end
local function earlier(a, b)
local a_time, a_number = string.match(a, '(%d+)-(%d+)')
local b_time, b_number = string.match(b, '(%d+)-(%d+)')
if a_time == b_time then
a_time, b_time = a_number, b_number
end
if #a_time ~= #b_time then
return #a_time < #b_time
end
return a_time < b_time
end
local function take_part(window, id, member)
local amount = redis.call('HGET', window.parts, id)
redis.call('HDEL', window.parts, id)
if redis.call('HGET', window.parts, '=' .. member) == id then
redis.call('HDEL', window.parts, '=' .. member)
end
return amount or 0
end
local function remove_from_window(plan, window, budget)
local bound = now - window.last
if bound < 0 then
return budget
end
local cut = string.format('%.0f', bound)
local due = redis.call('XRANGE', window.log, '-', cut, 'COUNT', budget + 1)
if #due == 0 then
return budget
end
local newest = redis.call('XREVRANGE', window.log, '+', '-', 'COUNT', 1)[1][1]
if board.time_of(newest) <= bound then
redis.call('UNLINK', window.z, window.log, window.gone, window.parts or window.log, window.d or window.log)
return budget
end
if budget == 0 then
return -1
end
local count = math.min(#due, budget)
local members = {}
for at = 1, count do
members[at] = due[at][2][2]
end
local markers = redis.call('EXISTS', window.gone) == 1 and redis.call('HMGET', window.gone, unpack(members))
local sums, times, done = {}, {}, {}
for at, member in ipairs(members) do
local id, by = due[at][1], due[at][2][4]
local marker = markers and markers[at]
marker = marker and board.time_of(marker) and marker
if by == '' then
if marker == id then
done[#done + 1] = member
end
else
if by == '+' then
by = take_part(window, id, member)
end
by = tonumber(by)
if by and by ~= 0 and math.abs(by) < 2 ^ 53 and not (marker and earlier(id, marker)) then
sums[member] = (sums[member] or 0) + by
times[member] = plan.shift and board.time_of(id) + window.last
end
end
end
if #done > 0 then
redis.call('HDEL', window.gone, unpack(done))
end
local values = redis.call('ZMSCORE', window.z, unpack(members))
local before, after = {}, {}
for at, member in ipairs(members) do
local sum = sums[member]
if sum and before[member] == nil then
local value = tonumber(values[at]) or false
local score = (value and board.score(plan, value) or 0) - sum
before[member] = value
after[member] = score ~= 0 and board.value(plan, score, times[member])
end
end
board.write_all(plan, window, before, after)
board.keep_with_log(window)
local left = due[budget + 1]
redis.call('XTRIM', window.log, 'MINID', '=', left and left[1] or string.format('%.0f', bound + 1))
return left and -1 or budget - #due
end
local DUE = 32
local function remove_expired(plan, windows, most)
local budget = DUE
for _, window in ipairs(windows) do
if window.log then
budget = remove_from_window(plan, window, budget)
if budget < 0 then
return false
end
end
end
return not most or DUE - budget <= most
end
local function delete_old_ids(ids, idlog, window)
local bound = now - window
if bound < 0 then
return
end
local old = redis.call('XRANGE', idlog, '-', string.format('%.0f', bound), 'COUNT', 4)
for _, entry in ipairs(old) do
local field = entry[2][2]
local record = redis.call('HGET', ids, field)
if record and (board.time_of(record) or 0) <= board.time_of(entry[1]) then
redis.call('HDEL', ids, field)
end
redis.call('XDEL', idlog, entry[1])
end
end
local change_told = {}
local function tell_change(config)
if config.live and not change_told[config.live] then
change_told[config.live] = true
redis.pcall('SPUBLISH', config.live, '')
end
end
local scoring = { open = nil, prepare = nil, apply = nil }
local HARMLESS = 2 ^ 970
local LARGEST = 1.7976931348623157e308
local function moved(config, window, value, kind, amount)
local score = value and board.score(config, value)
local new = amount
if kind == 'i' then
new = (score or 0) + amount
elseif kind == 'b' and score and (score == amount or (score < amount) ~= (config.reverse == true)) then
new = score
end
if math.abs(new) > (config.limit or LARGEST) then
return nil
end
if window.log and new == 0 then
return false
end
return new == score and value or board.value(config, new, now)
end
local function is_stored(of, id)
local record = redis.call('HGET', of.keys[of.config.ids], 'i' .. id)
local time = record and board.time_of(record)
return time and now - time < of.config.dedup
end
local function plan_of(of, changes)
local made = { changes = changes, before = {}, after = {}, counts = {} }
local members, seen = {}, {}
for nth, change in ipairs(changes) do
local id = change[4]
members[nth] = change[2]
made.counts[nth] = not (id and (seen[id] or is_stored(of, id)))
seen[id or ''] = id
end
for at, window in ipairs(of.windows) do
local values = redis.call('ZMSCORE', window.z, unpack(members))
local before, after, last = {}, {}, {}
for nth, change in ipairs(changes) do
local member = change[2]
local value = last[member]
if value == nil then
value = tonumber(values[nth]) or false
end
before[nth] = value
if made.counts[nth] then
value = moved(of.config, window, value, change[1], change[3])
if value == nil then
return nil, member
end
end
after[nth] = value
last[member] = value
end
made.before[at], made.after[at] = before, after
end
return made
end
local function set_ttl(of, window)
local has_ttl = of.has_ttl
if has_ttl[window] or not (window.lives or window.log) then
return
end
if window.lives then
has_ttl[window] = period_ttl(window)
return
end
local left = redis.call('PTTL', window.z)
has_ttl[window] = left ~= -2
local last = math.ceil(window.last / 1000)
if left < last + 1800000 then
for _, key in ipairs({ window.z, window.log, window.gone, window.parts or window.log, window.d or window.log }) do
redis.call('PEXPIRE', key, last + 3600000)
end
end
end
local function log(of, window, member, amount)
amount = board.text(of.config, amount)
if not window.grain then
return board.append(window.log, 'm', member, 'b', amount)
end
local id = redis.call('HGET', window.parts, '=' .. member)
local time = id and board.time_of(id)
if not time or now - time >= window.grain then
id = board.append(window.log, 'm', member, 'b', '+')
redis.call('HSET', window.parts, '=' .. member, id)
end
if type(redis.pcall('HINCRBY', window.parts, id, amount)) == 'table' then
redis.call('HSET', window.parts, id, amount)
end
return id
end
local function store_id(of, id, member, amount, entries)
local config = of.config
local ids, idlog = of.keys[config.ids], of.keys[config.idlog]
delete_old_ids(ids, idlog, config.dedup)
local place = board.append(idlog, 'f', 'i' .. id)
local record = string.format('%s %.17g %s %s', place, amount, #entries > 0 and table.concat(entries, ',') or '-', member)
redis.call('HSET', ids, 'i' .. id, record)
if not of.has_ttl.ids then
of.has_ttl.ids = true
local life = math.ceil(config.dedup / 1000)
if redis.call('PTTL', ids) < life + 1800000 or redis.call('PTTL', idlog) < 0 then
redis.call('PEXPIRE', ids, life + 3600000)
redis.call('PEXPIRE', idlog, life + 3600000)
end
end
end
local function trim(of, window)
local config = of.config
local over = redis.call('ZCARD', window.z) - config.keep
if over <= 0 then
return
end
over = math.min(over, 64)
local dropped = config.reverse and redis.call('ZPOPMIN', window.z, over) or redis.call('ZPOPMAX', window.z, over)
for at = 1, #dropped, 2 do
if window.d then
board.differ(config, window, tonumber(dropped[at + 1]), false)
end
local there = false
for _, other in ipairs(of.windows) do
there = there or redis.call('ZSCORE', other.z, dropped[at])
end
if not there then
redis.call('HDEL', of.keys[config.data], dropped[at])
end
end
return dropped[#dropped - 1]
end
local function write(of, planned, first, last)
local config, changes, dropped = of.config, planned.changes, {}
for at, window in ipairs(of.windows) do
local before, after = planned.before[at], planned.after[at]
if first == last then
if before[first] ~= after[first] then
board.write(config, window, changes[first][2], before[first], after[first])
end
else
local was, is = {}, {}
for nth = first, last do
local member = changes[nth][2]
if was[member] == nil then
was[member] = before[nth]
end
is[member] = after[nth]
end
board.write_all(config, window, was, is)
end
for nth = first, last do
if not after[nth] then
of.has_ttl[window] = nil
end
end
end
for nth = first, last do
if planned.counts[nth] then
local change, entries = changes[nth], {}
local member, amount, id = change[2], change[3], change[4]
for _, window in ipairs(of.windows) do
if window.log and amount ~= 0 then
entries[#entries + 1] = log(of, window, member, amount)
end
end
if id then
store_id(of, id, member, amount, entries)
end
end
end
for at, window in ipairs(of.windows) do
set_ttl(of, window)
if config.keep then
dropped[at] = trim(of, window)
end
end
return dropped
end
local function value_text(of, value)
return value and board.text(of.config, value) or ''
end
local function plan_alone(of, changes)
local kind, member, amount, id = changes[1][1], changes[1][2], changes[1][3], changes[1][4]
local again = id and is_stored(of, id)
local before, after = {}, {}
for at, window in ipairs(of.windows) do
local value = tonumber(redis.call('ZSCORE', window.z, member)) or false
before[at] = value
if not again then
value = moved(of.config, window, value, kind, amount)
if value == nil then
return nil, member
end
end
after[at] = value
end
return { changes = changes, alone = true, again = again, before = before, after = after }
end
local function apply_alone(of, plan)
local change, config, entries = plan.changes[1], of.config, {}
local member, amount, id = change[2], change[3], change[4]
local before, after = plan.before, plan.after
for at, window in ipairs(plan.again and {} or of.windows) do
if before[at] ~= after[at] then
board.write(config, window, member, before[at], after[at])
end
if not after[at] then
of.has_ttl[window] = nil
end
if window.log and amount ~= 0 then
entries[#entries + 1] = log(of, window, member, amount)
end
set_ttl(of, window)
if config.keep then
trim(of, window)
end
end
if id and not plan.again then
store_id(of, id, member, amount, entries)
end
return value_text(of, after[1])
end
local function events(of, member, from, to, dropped)
local about = of.config.events
local window = of.windows[about.window]
local passed = {}
if to and about.overtaken > 0 and (not from or to < from) then
local last = to + about.overtaken
if from then
last = math.min(last, from)
end
passed = board.members(of.config, window.z, to + 1, last)
end
local entered, left = false, false
local top = about.top
if top > 0 then
local was, is = from and from < top, to and to < top
if is and not was then
entered = member
left = board.members(of.config, window.z, top, top)[1] or dropped or false
elseif was and not is then
left = member
entered = board.members(of.config, window.z, top - 1, top - 1)[1] or false
end
end
return { from, to, entered, left, passed }
end
local function change_and_reply(of, plan, nth, watch, wants_events)
local config, change = of.config, plan.changes[nth]
local kind, member = change[1], change[2]
local watched, ranked = of.windows[watch], wants_events and of.windows[config.events.window]
local from = watched and board.position(config, watched.z, member)
local ranked_from = ranked and board.position(config, ranked.z, member)
local dropped = plan.counts[nth] and write(of, plan, nth, nth) or {}
local reply = { value_text(of, plan.after[1][nth]), false, false }
if watched then
local before = plan.before[watch][nth]
local to = board.position(config, watched.z, member)
local after = to and redis.call('ZSCORE', watched.z, member)
local applied = plan.counts[nth] and (kind ~= 'b' or before ~= plan.after[watch][nth])
reply[2] = { applied and 1 or 0, before and board.text(config, before), after, from, to }
end
if ranked then
reply[3] = events(of, member, ranked_from, board.position(config, ranked.z, member), dropped[config.events.window])
end
return reply
end
function scoring.open(keys, plan)
return { keys = keys, config = cjson.decode(plan), windows = nil, current = nil, plain = nil, has_ttl = {} }
end
function scoring.prepare(of, changes, brief)
local config, keys = of.config, of.keys
if of.current == nil then
of.windows = board.open(keys, config)
if not of.windows then
return now
end
local wrong = board.wrong(config, keys, of.windows) or config.keep and typed(keys[config.data], 'hash')
if wrong then
return wrong
end
of.current = remove_expired(config, of.windows, math.max(16, 64 - #changes * #of.windows))
of.plain = not (config.shift or config.limit or config.keep or of.windows[1].d)
end
if not of.current then
return 0
end
if config.shift and (now < config.since or now > config.ending) then
return redis.error_reply('ERR the time is outside of the range of this board\\'s ties (since, until)')
end
local plan, member
if brief and #changes == 1 then
local change = changes[1]
if of.plain and change[1] == 'i' and not change[4] and math.abs(change[3]) < HARMLESS then
return change
end
plan, member = plan_alone(of, changes)
else
plan, member = plan_of(of, changes)
end
return plan or redis.error_reply('ERR the new score of ' .. member .. ' would be too large')
end
local function add(of, member, amount)
local windows, first = of.windows, nil
for at = 1, #windows do
local window = windows[at]
local value = redis.call('ZINCRBY', window.z, amount, member)
if window.lives or window.log then
set_ttl(of, window)
end
first = first or value
end
return first
end
function scoring.apply(of, plan, watch, wants_events)
tell_change(of.config)
local changes = plan.changes
if not changes then
return add(of, plan[2], plan[3])
end
if plan.alone then
return apply_alone(of, plan)
end
local replies = {}
if watch == 0 and not wants_events and not of.config.keep then
write(of, plan, 1, #changes)
for nth = 1, #changes do
replies[nth] = value_text(of, plan.after[1][nth])
end
return table.concat(replies, '\\n')
end
for nth, change in ipairs(changes) do
if of.config.keep then
replies[nth] = change_and_reply(of, plan_of(of, { change }), 1, watch, wants_events)
else
replies[nth] = change_and_reply(of, plan, nth, watch, wants_events)
end
end
return replies
end
local SMALL = 30000
local changing = { rank = 3, texts = 4, lean_texts = 2, fields = 1, open = nil, commands = nil, prepare = nil, apply = nil }
function changing.open(group, keys, from, to, fields, at)
group.of = scoring.open({ unpack(keys, from, to) }, fields[at])
group.announces, group.ranking, group.looked = group.name == 'announce', {}, false
end
function changing.commands(group)
local config = group.of.config
local rolling, dense = false, false
for _, window in ipairs(config.windows) do
rolling = rolling or window.log
dense = dense or window.d
end
local needed = 'ZADD ZREM ZINCRBY ZSCORE ZMSCORE ZCARD PTTL PEXPIRE'
if rolling then
needed = needed .. ' XADD XRANGE XREVRANGE XTRIM EXISTS HMGET HGET HSET HDEL HINCRBY UNLINK'
end
if dense then
needed = needed .. ' ZRANGE'
end
if config.keep then
needed = needed .. (config.reverse and ' ZPOPMIN HDEL ZREVRANK' or ' ZPOPMAX HDEL ZRANK')
end
if config.ids then
needed = needed .. ' XADD XRANGE XDEL HGET HSET HDEL'
end
if group.announces then
needed = needed .. (config.reverse and ' ZREVRANK ZRANGE' or ' ZRANK ZRANGE')
end
local commands = {}
for command in string.gmatch(needed, '%u+') do
commands[#commands + 1] = command
end
return commands
end
function changing.prepare(group, texts, from)
local of, lean = group.of, group.lean
local changes = {}
for nth = 1, group.n do
if lean then
changes[nth] = { 'i', texts[from], tonumber(texts[from + 1]) }
from = from + 2
else
local id = texts[from + 3]
changes[nth] = { texts[from], texts[from + 1], tonumber(texts[from + 2]), id ~= '' and id or nil }
from = from + 4
end
end
local plan = scoring.prepare(of, changes, not group.announces)
if type(plan) ~= 'table' or plan.err then
return nil, plan
end
if not group.looked then
group.looked = true
for _, window in ipairs(of.windows) do
group.small = group.small and redis.call('ZCARD', window.z) <= SMALL
end
end
return plan
end
local function json_of(value)
return value and cjson.encode(value) or 'null'
end
local function ranking_of(member, from, to, entered, left, passed)
if from == to and not entered and not left and #passed == 0 then
return false
end
local overtaken = {}
for at, each in ipairs(passed) do
overtaken[at] = cjson.encode(each)
end
return '"member":' .. cjson.encode(member)
.. ',"previousRank":' .. json_of(from and from + 1)
.. ',"rank":' .. json_of(to and to + 1)
.. ',"entered":' .. json_of(entered)
.. ',"left":' .. json_of(left)
.. ',"overtaken":[' .. table.concat(overtaken, ',') .. ']'
end
function changing.apply(group, plan)
local values = scoring.apply(group.of, plan, 0, group.announces)
if type(values) == 'string' then
return values
end
local lines = {}
for nth, reply in ipairs(values) do
lines[nth] = reply[1]
if group.announces then
group.ranking[nth] = ranking_of(plan.changes[nth][2], unpack(reply[3], 1, 5))
end
end
return table.concat(lines, '\\n')
end
return changing
end
local function load_raising()
local function typed(key, type)
local is = redis.call('TYPE', key).ok
if is ~= type and is ~= 'none' then
return { err = 'WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. type }
end
end
local SMALL = 30000
local function period_ttl(window)
local left = redis.call('PTTL', window.z)
if left == -1 then
local life = math.ceil((window.lives - now) / 1000)
redis.call('PEXPIRE', window.z, life)
if window.d then
redis.call('PEXPIRE', window.d, life)
end
end
return left ~= -2
end
local raising = { rank = 3, texts = 2, fields = 1, open = nil, commands = nil, prepare = nil, apply = nil }
function raising.open(group, keys, from, _, fields, at)
local windows = {}
for text in string.gmatch(fields[at], '[^,]+') do
local words = {}
for word in string.gmatch(text, '%S+') do
words[#words + 1] = tonumber(word)
end
local first, second, start, turn, finish, lives, next_lives = unpack(words)
if start and (now < start or now >= finish) then
group.answer = now
elseif start and now >= turn then
first, lives = second, next_lives
end
windows[#windows + 1] = { z = keys[from + first - 1], lives = lives }
end
group.windows, group.looked = windows, false
end
function raising.commands(group)
local lives = false
for _, window in ipairs(group.windows) do
lives = lives or window.lives
end
return lives and { 'ZINCRBY', 'ZCARD', 'PTTL', 'PEXPIRE' } or { 'ZINCRBY', 'ZCARD' }
end
function raising.prepare(group)
if not group.looked then
group.looked = true
for _, window in ipairs(group.windows) do
local members = redis.pcall('ZCARD', window.z)
if type(members) == 'table' then
group.answer = group.answer or typed(window.z, 'zset') or members
elseif members > SMALL then
group.small = false
end
end
end
if group.answer then
return nil, group.answer
end
return true
end
local function raise(group, amount, member)
local first
for _, window in ipairs(group.windows) do
local value = redis.call('ZINCRBY', window.z, amount, member)
if window.lives then
period_ttl(window)
window.lives = nil
end
first = first or value
end
return first
end
function raising.apply(group, _, texts, from)
if group.n == 1 then
return raise(group, texts[from + 1], texts[from])
end
local values = {}
for nth = 1, group.n do
values[nth] = raise(group, texts[from + 1], texts[from])
from = from + 2
end
return table.concat(values, '\\n')
end
return raising
end
local function load_counted()
local function typed(key, type)
local is = redis.call('TYPE', key).ok
if is ~= type and is ~= 'none' then
return { err = 'WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. type }
end
end
local counters = { open = nil, ready = nil, state = nil, save = nil, begin = nil, flush = nil, keep = nil, tell = nil }
local MOST_DUE = 32
local MOST_CHANGES = 128
function counters.open(keys, plan)
local numbers, channel = string.match(plan, '^([^\\n]*)\\n?(.*)$')
local words = {}
for word in string.gmatch(numbers, '%S+') do
words[#words + 1] = tonumber(word)
end
return {
keys = keys,
values = keys[1],
expiring = keys[2],
reserved = keys[3],
floor = words[1],
ceiling = words[2],
initial = words[3],
remember = words[4] * 1000,
start = words[5],
turn = words[6],
finish = words[7],
lives = words[8],
next_lives = words[9],
looked = false,
answer = nil,
kept = {},
states = nil,
changed = nil,
records = nil,
changed_records = nil,
made = nil,
ended = nil,
channel = channel,
followed = nil,
}
end
local function choose(of)
if not of.start then
return nil
end
if now < of.start or now >= of.finish then
return now
end
if now >= of.turn then
of.values, of.expiring, of.reserved, of.lives = of.keys[4], of.keys[5], of.keys[6], of.next_lives
end
end
local function parsed(of, text)
if not text then
return { of.initial, 0, 0 }
end
if type(text) == 'table' then
return text
end
local value, down, up = tonumber(text), 0, 0
if not value then
value, down, up = string.match(text, '^(%-?%d+) (%-?%d+) (%d+)$')
value, down, up = tonumber(value), tonumber(down), tonumber(up)
end
if not value or value % 1 ~= 0 or math.abs(value) > 9007199254740991 or down < -9007199254740991 or up > 9007199254740991 then
return { err = 'ERR ' .. of.values .. ' has a field that no counter wrote: set or delete it' }
end
return { value, down, up }
end
function counters.state(of, name)
local known = of.states and of.states[name]
if known then
return { known[1], known[2], known[3] }
end
return parsed(of, redis.pcall('HGET', of.values, name))
end
function counters.begin(of, names)
local texts = #names > 0 and redis.pcall('HMGET', of.values, unpack(names)) or {}
if texts.err then
return texts
end
local states = {}
for at, name in ipairs(names) do
local state = parsed(of, texts[at])
if state.err then
return state
end
states[name] = state
end
of.states, of.changed, of.made, of.ended = states, {}, {}, {}
of.records, of.changed_records = of.records or {}, {}
end
function counters.keep(of, key)
if of.lives and not of.kept[key] then
of.kept[key] = true
redis.call('PEXPIRE', key, math.max(1, math.ceil(of.lives - now / 1000)))
end
end
function counters.tell(of, sign, name)
if of.followed == nil then
local count = of.channel ~= '' and redis.pcall('PUBSUB', 'SHARDNUMSUB', of.channel)
of.followed = count and not count.err and count[2] > 0
end
if of.followed then
redis.pcall('SPUBLISH', of.channel, sign .. name)
end
end
local function write(of, states)
local set, gone = {}, {}
for name, state in pairs(states) do
local value, down, up = state[1], state[2], state[3]
if down ~= 0 or up ~= 0 then
set[#set + 1] = name
set[#set + 1] = string.format('%.0f %.0f %.0f', value, down, up)
elseif value == of.initial then
gone[#gone + 1] = name
else
set[#set + 1] = name
set[#set + 1] = string.format('%.0f', value)
end
end
if #set > 0 then
redis.call('HSET', of.values, unpack(set))
counters.keep(of, of.values)
end
if #gone > 0 then
redis.call('HDEL', of.values, unpack(gone))
end
end
function counters.save(of, states)
for name, state in pairs(states) do
if state.more and of.followed ~= false then
counters.tell(of, '+', name)
end
if state.less and of.followed ~= false then
counters.tell(of, '-', name)
end
if of.states then
of.states[name], of.changed[name] = state, state
end
end
if not of.states then
write(of, states)
end
end
function counters.flush(of)
write(of, of.changed)
local records = {}
for id, record in pairs(of.changed_records or {}) do
records[#records + 1] = id
records[#records + 1] = record
end
if #records > 0 then
redis.call('HSET', of.reserved, unpack(records))
counters.keep(of, of.reserved)
end
if #of.made > 0 then
redis.call('ZADD', of.expiring, unpack(of.made))
counters.keep(of, of.expiring)
end
if #of.ended > 0 then
redis.call('ZADD', of.expiring, 'GT', unpack(of.ended))
end
of.states = nil
end
local function give_back(of, record)
local states, count = {}, 0
for by, name in string.gmatch(record, '\\n(%-?%d+) ([^\\n]+)') do
local state = states[name] or counters.state(of, name)
count = count + 1
if not state.err then
by = tonumber(by)
if by < 0 then
state[2], state.more = math.min(0, state[2] - by), true
else
state[3], state.less = math.max(0, state[3] - by), true
end
states[name] = state
end
end
counters.save(of, states)
return count
end
local function expire(of, id)
local record = redis.call('HGET', of.reserved, id)
if record and string.sub(record, 1, 1) == 'r' then
local count = give_back(of, record)
redis.call('HSET', of.reserved, id, 'e')
redis.call('ZADD', of.expiring, string.format('%.0f', now + of.remember), id)
return count
end
redis.call('HDEL', of.reserved, id)
redis.call('ZREM', of.expiring, id)
return 1
end
function counters.ready(of)
if of.looked then
return of.answer
end
of.looked = true
of.answer = choose(of)
if of.answer then
return of.answer
end
local due = redis.pcall('ZRANGE', of.expiring, '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, MOST_DUE + 1)
if due.err then
of.answer = due
elseif #due > 0 then
of.answer = typed(of.values, 'hash') or typed(of.reserved, 'hash')
local changes = 0
for at = 1, of.answer and 0 or math.min(#due, MOST_DUE) do
if changes < MOST_CHANGES then
changes = changes + expire(of, due[at])
else
of.answer = 0
end
end
if #due > MOST_DUE then
of.answer = of.answer or 0
end
end
return of.answer
end
local counting = { prepare = nil, apply = nil, count = nil, count_once = nil }
local function text_of(state)
return string.format('%.0f %.0f %.0f', state[1], state[2], state[3])
end
local function change(state, by, set, floor, ceiling, hold)
local value, down, up = state[1], state[2], state[3]
if set then
if by + down < floor then
return 'floor'
end
if by + up > ceiling then
return 'ceiling'
end
state.more = state.more or by > value
state.less = state.less or by < value
state[1] = by
return nil
end
if by < 0 and value + down + by < floor then
return 'floor'
end
if by > 0 and value + up + by > ceiling then
return 'ceiling'
end
if not hold then
state[1] = value + by
state.more = state.more or by > 0
state.less = state.less or by < 0
elseif by < 0 then
state[2] = down + by
else
state[3] = up + by
end
end
function counting.prepare(of, changes, hold)
local wait = counters.ready(of)
if wait then
return wait
end
local states, lines, refused, at = {}, { '+' }, { '-' }, 0
for set, by, floor, ceiling, name in string.gmatch(changes, '(=?)(%-?%d+) (%S+) (%S+) ([^\\n]+)') do
at = at + 1
local state = states[name] or counters.state(of, name)
if state.err then
return state
end
states[name] = state
local reason = change(state, tonumber(by), set == '=', tonumber(floor) or of.floor, tonumber(ceiling) or of.ceiling, hold)
if reason then
refused[#refused + 1] = string.format('%d %s %s', at, reason, text_of(state))
else
lines[#lines + 1] = text_of(state)
end
end
if #refused > 1 then
return table.concat(refused, '\\n')
end
return { states = states, answer = table.concat(lines, '\\n') }
end
function counting.apply(of, plan)
counters.save(of, plan.states)
return plan.answer
end
function counting.count(of, changes)
local planned = counting.prepare(of, changes)
if type(planned) ~= 'table' or planned.err then
return planned
end
return counting.apply(of, planned)
end
function counting.count_once(of, key, changes, window)
local print = string.sub(redis.sha1hex(changes), 1, 10)
local first = dedup.prepare(key)
if first then
if type(first) == 'table' then
return first
end
return string.sub(first, 1, 10) == print and '=' .. string.sub(first, 12) or '!'
end
local planned = counting.prepare(of, changes)
if type(planned) ~= 'table' or planned.err then
return planned
end
local answer = counting.apply(of, planned)
dedup.apply(key, print .. answer, window)
return answer
end
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
local plan = counting.prepare(group.of, from == last and texts[from] or table.concat(texts, '\\n', from, last))
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
function counted.reaches(plan, line, text, target)
local at, after = 0, nil
for value in string.gmatch(plan.answer, '\\n(%S+)') do
at = at + 1
if at == line then
after = tonumber(value)
break
end
end
local before = after - string.match(text, '^%-?%d+')
return (before < target and after >= target) or (before > target and after <= target)
end
return counted
end
local function load_claiming()
local seeing = { open = nil, prepare = nil, apply = nil, trim = nil, see = nil }
local ms = math.floor(now / 1000)
local MOST_GONE = 128
function seeing.open(key, window, most)
return { key = key, window = tonumber(window), most = tonumber(most), trimmed = false, kept = false }
end
function seeing.prepare(of, id)
local score = redis.pcall('ZSCORE', of.key, id)
if type(score) == 'table' then
return score
end
return not score or tonumber(score) <= ms - of.window
end
function seeing.apply(of, id)
redis.call('ZADD', of.key, ms, id)
if not of.kept then
of.kept = true
redis.call('PEXPIRE', of.key, of.window)
end
end
function seeing.trim(of, added)
if of.trimmed then
return
end
of.trimmed = true
local over = redis.call('ZCARD', of.key) - of.most
local due = redis.call('ZCOUNT', of.key, '-inf', ms - of.window)
local count = math.min(math.max(MOST_GONE, 2 * (added or 0)), math.max(over, due))
if count > 0 then
redis.call('ZREM', of.key, unpack(redis.call('ZRANGE', of.key, 0, count - 1)))
end
end
function seeing.see(of, ids)
local scores = redis.pcall('ZMSCORE', of.key, unpack(ids))
if scores.err then
return scores
end
local answers, adds, seen = {}, {}, {}
local since, text = ms - of.window, string.format('%.0f', ms)
for at, id in ipairs(ids) do
local score = scores[at]
if seen[id] or score and tonumber(score) > since then
answers[at] = false
else
answers[at], seen[id] = true, true
adds[#adds + 1] = text
adds[#adds + 1] = id
end
end
if #adds > 0 then
redis.call('ZADD', of.key, unpack(adds))
redis.call('PEXPIRE', of.key, of.window)
seeing.trim(of, #adds / 2)
end
return answers
end
local claiming = { rank = 1, texts = 1, fields = 2, open = nil, commands = nil, prepare = nil, apply = nil }
function claiming.open(group, keys, from, _, fields, at)
group.of = seeing.open(keys[from], fields[at], fields[at + 1])
end
function claiming.commands()
return { 'ZADD', 'ZREM', 'ZRANGE', 'ZCARD', 'ZCOUNT', 'PEXPIRE' }
end
function claiming.prepare(group, texts, from)
for nth = 1, group.n do
local new = seeing.prepare(group.of, texts[from + nth - 1])
if new == false then
return nil, nth .. ' known'
elseif new ~= true then
return nil, new
end
end
return true
end
function claiming.apply(group, _, texts, from)
for nth = 1, group.n do
seeing.apply(group.of, texts[from + nth - 1])
end
seeing.trim(group.of)
return string.rep('\\n', group.n - 1)
end
return claiming
end
local function load_writing()
local objects = { prepare = nil, apply = nil, prepare_removal = nil, apply_removal = nil, expires = nil }
local LARGEST = 9007199254740991
local given = {}
local function look(key, request)
local stored = redis.pcall('HMGET', key, ':v', ':x')
if stored.err then
return stored
end
local version = tonumber(stored[1] or 0)
if not version or version > LARGEST then
return { err = 'ERR ' .. key .. ' was not written by objects: delete it' }
end
if request.version and request.version ~= version then
return string.format('v %.0f', version)
end
return nil, version, stored[2]
end
function objects.expires(key)
local wrong = redis.pcall('HPEXPIRE', key, 1, 'FIELDS', 1, ':none').err
return wrong == nil or string.sub(wrong, 1, 9) == 'WRONGTYPE'
end
local function text_of(number)
return number == math.floor(number) and math.abs(number) <= LARGEST and string.format('%.0f', number)
or string.format('%.17g', number)
end
function objects.prepare(key, request)
local refused, version, one = look(key, request)
if refused then
return refused
end
if one and not request.whole then
return 'w '
end
local set, gone, sums, lines = {}, {}, {}, {}
for _, op in ipairs(request.ops) do
local kind, field = op[1], op[2]
if kind == 's' then
set[field] = op[3]
elseif kind == 'd' then
gone[#gone + 1] = field
else
local before = sums[field] or not request.whole and redis.pcall('HGET', key, field) or '0'
local value = type(before) == 'string' and tonumber(before)
if not value then
return type(before) == 'table' and before or 'n ' .. field
end
local after = value + op[3]
if op[3] < 0 and after < op[4] then
return 'l ' .. field .. ' floor ' .. text_of(value)
end
if op[3] > 0 and after > op[5] then
return 'l ' .. field .. ' ceiling ' .. text_of(value)
end
if after ~= after or math.abs(after) == math.huge then
return 'n ' .. field
end
sums[field] = text_of(after)
set[field] = sums[field]
lines[#lines + 1] = sums[field]
end
end
return { set = set, gone = gone, lines = lines, whole = request.whole, version = math.max(version + 1, (given[key] or 0) + 1, now) }
end
function objects.apply(key, plan, ttl, field_ttl)
given[key] = plan.version
local fields = { ':v', string.format('%.0f', plan.version) }
local expiring = {}
for field, json in pairs(plan.set) do
fields[#fields + 1] = field
fields[#fields + 1] = json
expiring[#expiring + 1] = field
end
if plan.whole then
redis.call('DEL', key)
elseif #plan.gone > 0 then
redis.call('HDEL', key, unpack(plan.gone))
end
redis.call('HSET', key, unpack(fields))
if ttl > 0 then
redis.call('PEXPIRE', key, ttl)
end
if field_ttl and field_ttl > 0 and #expiring > 0 then
redis.call('HPEXPIRE', key, field_ttl, 'FIELDS', #expiring, unpack(expiring))
end
table.insert(plan.lines, 1, fields[2])
return '+' .. table.concat(plan.lines, '\\n')
end
function objects.prepare_removal(key, request)
local refused, version = look(key, request)
return refused or { version = version }
end
function objects.apply_removal(key, plan)
given[key] = math.max(plan.version, given[key] or 0)
redis.call('DEL', key)
return string.format('+%.0f', plan.version)
end
local fencing = { prepare = nil, apply = nil }
local STORED = '2678400000'
function fencing.prepare(key, token)
local text = redis.pcall('GET', key)
if not text then
return nil
end
if type(text) == 'table' then
return text
end
local highest = tonumber(text)
if not highest or highest ~= highest or highest > 9007199254740991 then
return { err = 'ERR ' .. key .. ' holds no fence token: delete it' }
end
if token < highest then
return string.format('f %.0f', highest)
end
end
function fencing.apply(key, token)
redis.call('SET', key, string.format('%.0f', token), 'PX', STORED)
end
local writing = { rank = 1, texts = 5, fields = 1, open = nil, commands = nil, prepare = nil, apply = nil }
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
return writing
end
local function load_limiting()
local function leading_block(saved)
if not saved or #saved < 40 then
return nil, nil, nil, 0, 0
end
local id, ends, length, time, listing = struct.unpack('<ddddd', saved)
if id ~= 0 or not (length >= 0 and length <= #saved - 40 and ends >= 0 and ends < 2 ^ 53 and time >= 0) then
return nil, nil, nil, 0, 0
end
return time, ends, string.sub(saved, 41, 40 + length), 40 + length, listing
end
local gcra = {}
function gcra.define(rule, drain, token, capacity)
rule.drain, rule.token, rule.capacity = drain, token, capacity
end
function gcra.load(rule, time, counted, level)
if time then
if counted ~= rule.token then
level = level / counted
level = level % 1 == 0 and level * rule.token or math.ceil(level * rule.token) + 1
level = math.min(level, 2 * rule.capacity)
end
level = math.max(0, level - (now - time) * rule.drain)
end
rule.level = level or 0
end
function gcra.over(rule, tokens)
return rule.level + tokens * rule.token > rule.capacity
end
function gcra.add(rule, tokens)
rule.level = math.min(rule.level + tokens * rule.token, 2 * rule.capacity)
end
function gcra.give_back(rule, tokens, since)
rule.level = math.max(0, rule.level - math.max(0, tokens * rule.token - (now - since) * rule.drain))
end
function gcra.entry(rule)
return now, rule.token, rule.level, rule.level / rule.drain
end
function gcra.report(rule, reply)
reply[#reply + 1] = rule.level
end
local fixed_window = {}
function fixed_window.define(rule, limit, window)
rule.limit, rule.window = limit, window
end
function fixed_window.load(rule, time, counted, used)
rule.start, rule.used = now, 0
if time and used > 0 and now < time + counted then
rule.used = used
if now < time + rule.window then
rule.start = time
end
end
end
function fixed_window.over(rule, tokens)
return rule.used + tokens > rule.limit
end
function fixed_window.add(rule, tokens)
rule.used = math.min(rule.used + tokens, 2 * rule.limit)
end
function fixed_window.give_back(rule, tokens, since)
if since >= rule.start then
rule.used = math.max(0, rule.used - tokens)
end
end
function fixed_window.entry(rule)
return rule.start, rule.window, rule.used, rule.start + rule.window - now
end
function fixed_window.report(rule, reply)
reply[#reply + 1] = rule.used
reply[#reply + 1] = rule.used > 0 and rule.start + rule.window - now or 0
end
local calendar = {}
function calendar.define(rule, limit, start, turn, finish)
rule.limit = limit
rule.start, rule.finish = start, turn
if now >= turn then
rule.start, rule.finish = turn, finish
end
return now < rule.start or now >= rule.finish
end
function calendar.load(rule, time, _, used)
rule.used = time and time >= rule.start and used or 0
end
function calendar.over(rule, tokens)
return rule.used + tokens > rule.limit
end
function calendar.add(rule, tokens)
rule.used = math.min(rule.used + tokens, 2 * rule.limit)
end
function calendar.give_back(rule, tokens, since)
if since >= rule.start then
rule.used = math.max(0, rule.used - tokens)
end
end
function calendar.entry(rule)
return rule.start, rule.finish, rule.used, rule.finish - now
end
function calendar.report(rule, reply)
reply[#reply + 1] = rule.used
reply[#reply + 1] = rule.finish - now
end
local sliding_window = {}
local SHIFT = 2 ^ 26
function sliding_window.define(rule, limit, window, tick)
rule.limit, rule.window, rule.tick, rule.ticks = limit, window, tick, window / tick
end
local function covered(before, window, tick, elapsed)
return before * (window / tick - math.floor(elapsed / tick))
end
function sliding_window.load(rule, time, counted, level)
local start, before, used = now, 0, 0
if time and level > 0 then
before, used = math.min(math.floor(level / SHIFT), 2 * rule.limit), math.min(level % SHIFT, 2 * rule.limit)
local passed = math.floor((now - time) / counted)
start = time + passed * counted
if passed == 1 then
before, used = used, 0
elseif passed > 1 then
before, used = 0, 0
end
if before + used == 0 then
start = now
end
if counted ~= rule.window then
local part = math.floor(before * (counted - (now - start)) / counted + 1e-6) + 1
start, before, used = now, 0, math.min(used + math.min(before, part), 2 * rule.limit)
end
end
rule.start, rule.before, rule.used = start, before, used
end
function sliding_window.over(rule, tokens)
local part = covered(rule.before, rule.window, rule.tick, now - rule.start)
return part + (rule.used + tokens) * rule.ticks > rule.limit * rule.ticks
end
function sliding_window.add(rule, tokens)
rule.used = math.min(rule.used + tokens, 2 * rule.limit)
end
function sliding_window.give_back(rule, tokens, since, latest)
if since >= rule.start then
local rest = math.max(0, tokens - rule.used)
rule.used = math.max(0, rule.used - tokens)
if not latest then
return
end
tokens = rest
elseif since < rule.start - rule.window then
return
end
rule.before = math.max(0, rule.before - tokens)
end
function sliding_window.entry(rule)
return rule.start, rule.window, rule.before * SHIFT + rule.used, rule.start + 2 * rule.window - now
end
function sliding_window.report(rule, reply)
reply[#reply + 1] = rule.before
reply[#reply + 1] = rule.used
reply[#reply + 1] = now - rule.start
end
local function damaged(key)
error({ err = "ERR the key '" .. key .. "' contains data that no limiter wrote: reset its subject, or delete the key" })
end
local sliding_log = {}
local HEAD, CHARGE = 8, 16
local MOST_CHARGES = 2000
local HALVINGS = 11
function sliding_log.define(rule, limit, window)
rule.limit, rule.window, rule.ttl = limit, window, math.ceil(window / 1000) + 2
end
local function charge_at(rule, at)
return struct.unpack('<dd', rule.log, HEAD + CHARGE * (at - 1) + 1)
end
local function charged_to(rule, at)
if at == 0 then
return rule.base
end
local _, sum = charge_at(rule, at)
return sum
end
local function first_from(rule, at, which, least)
local low, high = at, rule.count + 1
for _ = 1, HALVINGS do
if low >= high then
break
end
local middle = math.floor((low + high) / 2)
local found = { charge_at(rule, middle) }
if found[which] >= least then
high = middle
else
low = middle + 1
end
end
return low
end
local function moved(rule, from, to, time_by, sum_by)
local charges = {}
for at = from, to do
local time, sum = charge_at(rule, at)
charges[#charges + 1] = struct.pack('<dd', time + time_by, sum + sum_by)
end
return table.concat(charges)
end
function sliding_log.open(rule, key)
rule.key, rule.changed = key, false
rule.log = redis.call('GET', key)
rule.base, rule.count, rule.first, rule.used = 0, 0, 1, 0
if not rule.log then
return
end
rule.count = (#rule.log - HEAD) / CHARGE
if rule.count % 1 ~= 0 or rule.count < 1 or rule.count > MOST_CHARGES then
damaged(key)
end
rule.base = struct.unpack('<d', rule.log)
local last = charge_at(rule, rule.count)
if last > now then
rule.log = struct.pack('<d', rule.base) .. moved(rule, 1, rule.count, now - last, 0)
rule.changed = true
end
rule.first = first_from(rule, 1, 1, now - rule.window + 1)
rule.used = charged_to(rule, rule.count) - charged_to(rule, rule.first - 1)
if not (rule.used >= 0 and rule.used < 2 ^ 53) then
damaged(key)
end
end
function sliding_log.over(rule, tokens)
return rule.used + tokens > rule.limit
end
local function keep(rule, last, others, count)
local head = struct.pack('<d', charged_to(rule, rule.first - 1))
local kept = string.sub(rule.log or '', HEAD + CHARGE * (rule.first - 1) + 1, HEAD + CHARGE * last)
rule.log = head .. kept .. others
rule.base, rule.count, rule.first = struct.unpack('<d', head), last - rule.first + 1 + count, 1
rule.changed = true
end
function sliding_log.add(rule, tokens)
tokens = math.min(tokens, 2 * rule.limit - rule.used)
if tokens > 0 then
keep(rule, rule.count, struct.pack('<dd', now, charged_to(rule, rule.count) + tokens), 1)
rule.used = rule.used + tokens
end
end
local function give_back_latest(rule, tokens)
local last, sum = rule.first - 1, charged_to(rule, rule.count)
local wanted = math.max(sum - tokens, charged_to(rule, rule.first - 1))
for at = rule.count, rule.first, -1 do
if not (charged_to(rule, at - 1) >= wanted) then
last = at
break
end
end
rule.used = rule.used - (sum - wanted)
if last < rule.first then
keep(rule, last, '', 0)
else
keep(rule, last - 1, struct.pack('<dd', (charge_at(rule, last)), wanted), 1)
end
end
function sliding_log.give_back(rule, tokens, since, latest)
if rule.used == 0 then
return
end
if latest then
give_back_latest(rule, tokens)
return
end
local from = first_from(rule, rule.first, 1, since)
local behind = first_from(rule, from, 1, since + 1)
if behind == from then
return
end
local before, last = charged_to(rule, from - 1), charged_to(rule, behind - 1)
local back = math.min(tokens, last - before)
local left = last - back > before and struct.pack('<dd', since, last - back) or ''
local count = #left / CHARGE + rule.count - behind + 1
keep(rule, from - 1, left .. moved(rule, behind, rule.count, 0, -back), count)
rule.used = rule.used - back
end
function sliding_log.save(rule)
if not rule.changed then
return
end
if rule.count == 0 then
redis.call('DEL', rule.key)
else
redis.call('SET', rule.key, rule.log, 'PX', rule.ttl)
end
end
function sliding_log.report(rule, reply, tokens)
local gone = charged_to(rule, rule.first - 1)
local function ends(fewer)
local at = first_from(rule, rule.first, 2, gone + fewer)
local time = at <= rule.count and charge_at(rule, at) or now
return fewer > 0 and time + rule.window - now or 0
end
reply[#reply + 1] = rule.used
reply[#reply + 1] = ends(rule.used + tokens - rule.limit)
reply[#reply + 1] = rule.used > 0 and ends(math.max(1, rule.used - rule.limit + 1)) or 0
reply[#reply + 1] = ends(rule.used)
end
local slots = {}
local CLOCK = ''
local MOST_LEASES = 12000
local LATEST = 2 ^ 62
local STEP = 1000
function slots.define(rule, limit, lease)
rule.limit, rule.lease = limit, lease
end
function slots.clock_step(key)
local charged = tonumber(redis.call('ZSCORE', key, CLOCK) or 0)
local by = math.max(0, -charged - now)
if by > 0 and not (by < LATEST and redis.call('ZCARD', key) <= MOST_LEASES) then
damaged(key)
end
return by
end
function slots.adjust(key, by)
if by <= 0 then
return
end
local leases = redis.call('ZRANGE', key, 0, MOST_LEASES, 'WITHSCORES')
for from = 1, #leases, STEP do
local moved = {}
for at = from, math.min(from + STEP - 1, #leases), 2 do
moved[#moved + 1] = string.format('%.0f', leases[at] == CLOCK and -now or leases[at + 1] - by)
moved[#moved + 1] = leases[at]
end
redis.call('ZADD', key, unpack(moved))
end
end
function slots.store(key, lease, ends, had)
redis.call('ZADD', key, string.format('%.0f', ends), lease, string.format('%.0f', -now), CLOCK)
local ttl = math.ceil((ends - now) / 1000) + 1000
if had then
redis.call('PEXPIRE', key, ttl, 'GT')
else
redis.call('PEXPIRE', key, ttl)
end
end
function slots.has(key, lease, by)
return tonumber(redis.call('ZSCORE', key, lease) or 0) - by > now
end
function slots.open(rule, key)
rule.key, rule.adding = key, nil
rule.by = slots.clock_step(key)
rule.used = redis.call('ZCOUNT', key, string.format('(%.0f', now + rule.by), '+inf')
rule.wait = 0
if rule.used > 0 and rule.used >= rule.limit then
local live, over = string.format('(%.0f', now + rule.by), rule.used - rule.limit
local last = redis.call('ZRANGE', key, live, '+inf', 'BYSCORE', 'LIMIT', over, 1, 'WITHSCORES')
rule.wait = last[2] and last[2] - rule.by - now or 0
end
end
function slots.over(rule, tokens)
return tokens > 0 and rule.used + 1 > rule.limit
end
function slots.add(rule, lease)
rule.adding = lease
rule.had = rule.used > 0
rule.used = rule.used + 1
end
function slots.save(rule)
slots.adjust(rule.key, rule.by)
if rule.adding then
redis.call('ZREMRANGEBYSCORE', rule.key, 0, string.format('%.0f', now))
slots.store(rule.key, rule.adding, now + rule.lease, rule.had)
end
end
function slots.report(rule, reply)
reply[#reply + 1] = rule.used
reply[#reply + 1] = rule.wait
end
local function typed(key, type)
local is = redis.call('TYPE', key).ok
if is ~= type and is ~= 'none' then
return { err = 'WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. type }
end
end
local function checked_read(keys, type_of, read, ...)
local ok, result = pcall(read, ...)
if ok then
return result
end
for at, key in ipairs(keys) do
local wrong = typed(key, type_of(at))
if wrong then
return nil, wrong
end
end
local text = type(result) == 'table' and result.err or tostring(result)
if not string.match(text, '^%u+ ') then
text = "ERR the key '" .. keys[1] .. "', or another key of its subject, cannot be read: " .. text
end
return nil, { err = text }
end
local charging = { open = nil, prepare = nil, apply = nil }
local PACKED = { g = gcra, f = fixed_window, c = calendar, w = sliding_window }
local OWN_KEY = { l = sliding_log, s = slots }
local ENTRY, MOST, SECOND = 40, 32, 1000000
local HUGE = 2 ^ 62
local LEASED, LEASED_FOR = 2 ^ 48 + 7, 7200 * SECOND
local ZERO = string.byte('0')
local MARGIN = 2
function charging.open(rules)
local of = { list = {}, owners = {}, mistimed = false }
for letter, place, shadow, id, a, b, c, d in string.gmatch(rules, '(%l) (%d+) (%d) (%d+) (%d+) (%d+) (%d+) (%d+)') do
local rule = { letter = letter, place = tonumber(place), shadow = shadow == '1', id = tonumber(id) }
rule.does = PACKED[letter] or OWN_KEY[letter]
of.list[#of.list + 1] = rule
if OWN_KEY[letter] then
of.owners[rule.place] = rule
end
if rule.does.define(rule, tonumber(a), tonumber(b), tonumber(c), tonumber(d)) then
of.mistimed = true
end
end
return of
end
local function open(of, key, place)
local saved = redis.call('GET', key)
local time, ends, reason, at, listing = leading_block(saved)
if saved and ((#saved - at) % ENTRY ~= 0 or #saved - at > ENTRY * MOST) then
damaged(key)
end
local state = { key = key, saved = saved, head = '', others = '', expires = 0, count = 0, plain = saved ~= false }
state.steps = {}
if time then
if time > now then
time, ends = now, ends - (time - now)
state.steps[1] = { 8, struct.pack('<ddd', ends, #reason, time) }
end
if ends > now then
state.ends, state.reason = ends, reason
state.head = struct.pack('<ddddd', 0, ends, #reason, time, listing) .. reason
else
state.plain = false
end
end
state.start = at
local found = {}
local others = {}
for from = at + 1, saved and #saved or 0, ENTRY do
local id, expires, first, written, second = struct.unpack('<ddddd', saved, from)
if not (id > 0 and expires >= 0 and expires < HUGE and written >= 0 and first > 0 and second >= 0 and second < HUGE) then
damaged(key)
end
found[id] = { math.min(written, now), first, second, written > now and from }
state.expires = math.max(state.expires, expires)
others[#others + 1] = { id, expires, from }
end
state.rules = {}
for _, rule in ipairs(of.list) do
if rule.place == place then
local entry = found[rule.id] or {}
if entry[4] then
state.steps[#state.steps + 1] = { entry[4] + 23, struct.pack('<d', now) }
state.back = true
end
rule.does.load(rule, entry[1], entry[2], entry[3])
found[rule.id] = nil
state.rules[#state.rules + 1] = rule
local same = others[#state.rules]
state.plain = state.plain and same ~= nil and same[1] == rule.id
end
end
for _, other in ipairs(others) do
if other[1] == LEASED then
state.leased = other[2] > now and found[LEASED][1] or nil
state.leased_until = other[2]
elseif found[other[1]] and other[2] > now then
state.others = state.others .. string.sub(saved, other[3], other[3] + ENTRY - 1)
state.count = state.count + 1
end
end
if state.count + #state.rules > MOST then
error({ err = 'ERR a subject has the states of more than ' .. MOST .. ' rules' })
end
return state
end
local function write(state)
local longest, slack = 0, SECOND
local entries = {}
for at, rule in ipairs(state.rules) do
local time, first, second, until_full = rule.does.entry(rule)
longest = math.max(longest, until_full)
if rule.letter == 'g' then
slack = math.max(slack, until_full + math.max(until_full, SECOND))
end
entries[at] = { rule.id, time, first, second }
end
local fits = state.plain and not state.back and now + longest <= state.expires
local ttl = math.ceil(math.max(longest, slack) / 1000)
if not fits then
if state.others ~= '' then
ttl = math.max(ttl, math.ceil((state.expires - now) / 1000))
end
state.expires = now + ttl * 1000
ttl = math.max(ttl, math.ceil(((state.ends or 0) - now) / 1000))
end
local after = ''
for _, entry in ipairs(entries) do
after = after .. struct.pack('<ddddd', entry[1], state.expires, entry[3], entry[2], entry[4])
end
if fits then
redis.call('SETRANGE', state.key, state.start, after)
else
if state.leased then
after = after .. struct.pack('<ddddd', LEASED, state.leased_until, 1, state.leased, 0)
end
redis.call('SET', state.key, state.head .. after .. state.others, 'PX', ttl + MARGIN)
end
end
local function settled(how)
local charged, elapsed, rules, leased = string.match(how, '^(%d+) (%d+) ([01]+)(l?)$')
if not charged then
return nil
end
return { since = math.min(charged, now - elapsed), rules = rules, leased = leased == 'l' }
end
local function charge(rule, tokens, lease, charged)
if rule.letter == 's' then
if lease ~= '' then
rule.does.add(rule, lease)
end
elseif tokens > 0 then
rule.does.add(rule, tokens)
elseif charged then
rule.does.give_back(rule, -tokens, charged.since, false)
else
rule.does.give_back(rule, -tokens, now, true)
end
end
local function read(of, places, cost, how, lease)
local tokens, counting, charged = tonumber(cost), how == 'try', settled(how)
local leasing = how == 'lease'
local asked = counting or leasing or how == 'take' or how == 'look'
local plan = { states = {}, apart = {}, tokens = tokens }
local blocked = nil
for place, key in ipairs(places) do
local owner = of.owners[place]
if owner then
owner.does.open(owner, key)
plan.apart[#plan.apart + 1] = owner
else
local state = open(of, key, place)
plan.states[#plan.states + 1] = state
if leasing then
state.leased, state.leased_until, state.plain = state.leased or now, now + LEASED_FOR, false
elseif how == 'set' then
state.leased, state.plain = nil, false
elseif charged and charged.leased and not (state.leased and state.leased <= charged.since) then
charged.wiped = true
end
if asked and state.ends and not (blocked and blocked.ends > state.ends) then
blocked = state
end
end
end
local allowed = not blocked
for _, rule in ipairs(of.list) do
rule.refuses = rule.does.over(rule, tokens)
if asked and rule.refuses and not rule.shadow then
allowed = false
end
end
plan.charges = how ~= 'look' and (allowed or counting and not blocked)
if plan.charges and tokens ~= 0 then
for at, rule in ipairs(of.list) do
local spared = charged and (charged.wiped or string.byte(charged.rules, at) == ZERO)
if not (asked and allowed and rule.refuses or spared) then
charge(rule, tokens, allowed and lease or '', charged)
end
end
end
plan.allowed = allowed
if blocked then
plan.reply = { 2, blocked.ends - now, blocked.reason }
return plan
end
plan.reply = { allowed and 1 or 0, now }
for _, rule in ipairs(of.list) do
plan.reply[#plan.reply + 1] = rule.refuses and 1 or 0
rule.does.report(rule, plan.reply, tokens)
end
return plan
end
function charging.prepare(of, places, cost, how, lease)
local function type_of(place)
return of.owners[place] and of.owners[place].letter == 's' and 'zset' or 'string'
end
return checked_read(places, type_of, read, of, places, cost, how, lease)
end
function charging.apply(_, plan)
for _, state in ipairs(plan.states) do
for _, step in ipairs(state.steps) do
redis.call('SETRANGE', state.key, step[1], step[2])
end
if plan.charges and #state.rules > 0 and (plan.tokens > 0 or plan.tokens < 0 and state.saved) then
write(state)
end
end
for _, rule in ipairs(plan.apart) do
rule.does.save(rule)
end
end
local limiting = { rank = 1, texts = 1, fields = 2, open = nil, commands = nil, prepare = nil, apply = nil }
function limiting.open(group, _, _, _, fields, at)
group.of = charging.open(fields[at])
group.keys = tonumber(fields[at + 1])
end
function limiting.commands(group)
local commands = { 'GET', 'SET', 'SETRANGE' }
if next(group.of.owners) then
commands[4] = 'DEL'
end
return commands
end
local function text_of(reply)
local words = { reply[1] }
for at = reply[1] == 2 and 2 or 3, #reply do
words[#words + 1] = type(reply[at]) == 'number' and string.format('%.0f', math.floor(reply[at])) or reply[at]
end
return table.concat(words, ' ')
end
function limiting.prepare(group, texts, from, _, own)
if group.of.mistimed then
return nil, now
end
local cost = 0
for nth = 1, group.n do
cost = cost + texts[from + nth - 1]
end
local places = { unpack(own, group.own, group.own + group.keys - 1) }
local plan, wrong = charging.prepare(group.of, places, cost, 'take', '')
if not plan then
return nil, wrong
end
plan.text = text_of(plan.reply)
if not plan.allowed then
charging.apply(group.of, plan)
local lines = {}
for nth = 1, group.n do
lines[nth] = nth .. ' ' .. plan.text
end
return nil, table.concat(lines, '\\n')
end
return plan
end
function limiting.apply(group, plan)
charging.apply(group.of, plan)
return plan.text .. string.rep('\\n' .. plan.text, group.n - 1)
end
return limiting
end
local effects = { open = nil, texts = nil, prepare = nil, apply = nil, mark = nil }
local LOAD = {
add = load_adding,
publish = load_publishing,
score = load_changing,
announce = load_changing,
raise = load_raising,
count = load_counted,
claim = load_claiming,
object = load_writing,
limit = load_limiting,
}
local LAST_RANK = 5
local function insert(order, group)
for at = #order, 1, -1 do
if order[at].rank <= group.rank then
table.insert(order, at + 1, group)
return
end
end
table.insert(order, 1, group)
end
function effects.open(keys, plan, size, head, before)
size = tonumber(size)
local fields = { struct.unpack(string.rep('s', size), plan) }
local kinds, streams, asked, groups, order = {}, {}, {}, {}, {}
local wrong, text, at = nil, before + 1, head + 1
for number = 1, size do
if at > size then
break
end
local name, n, lean = fields[at], tonumber(fields[at + 1]), fields[at + 2] == '1'
local from, to, own = tonumber(fields[at + 3]), tonumber(fields[at + 4]), tonumber(fields[at + 5])
local when, line = tonumber(fields[at + 6]), tonumber(fields[at + 7])
local kind = kinds[name] or LOAD[name]()
kinds[name] = kind
text = when and text + 1 or text
local group = {
name = name,
number = number,
n = n,
lean = lean,
own = own,
when = when,
line = line,
small = true,
rank = when and LAST_RANK or kind.rank,
at = text,
prepare = kind.prepare,
apply = kind.apply,
reaches = kind.reaches,
}
kind.open(group, keys, from, to, fields, at + 8, streams)
at = at + 8 + kind.fields
text = text + n * (lean and kind.lean_texts or kind.texts)
groups[number] = group
insert(order, group)
wrong = wrong or denied(kind.commands(group), keys[1], asked) or kind.wrong and kind.wrong(group)
end
return {
fields = fields,
groups = groups,
order = order,
wrong = wrong,
format = string.rep('s', text - 1),
plans = {},
results = {},
mark = nil,
}
end
function effects.texts(of, values)
return { struct.unpack(of.format, values) }
end
local function is_wanted(of, group, texts)
local counter = of.groups[group.when]
local plan = of.plans[group.when]
return plan and counter.reaches(plan, group.line, texts[counter.at + group.line - 1], tonumber(texts[group.at - 1]))
end
function effects.prepare(of, own, texts)
local order, plans, refused = of.order, of.plans, nil
for nth = 1, #order do
local group = order[nth]
local number, plan, stop = group.number, nil, nil
if not group.when or not of.groups[group.when].reaches or is_wanted(of, group, texts) then
plan, stop = group.prepare(group, texts, group.at, own[group.own], own)
end
plans[number] = plan or false
if type(stop) == 'string' then
refused = refused or { '-' }
for line in string.gmatch(stop, '[^\\n]+') do
refused[#refused + 1] = number .. ' ' .. line
end
elseif stop then
return nil, stop
end
end
if refused then
return nil, table.concat(refused, '\\n')
end
return true
end
function effects.apply(of, texts)
local groups, plans, results, wrote = of.groups, of.plans, of.results, false
for number = 1, #groups do
local group, plan, result = groups[number], plans[number], ''
if plan then
result = group.apply(group, plan, texts, group.at, groups[group.when])
if type(result) == 'table' then
if wrote then
error(result)
end
return result
end
wrote = true
end
results[number] = result
end
return table.concat(results, '\\30')
end
function effects.mark(of)
local mark = of.mark
if not mark then
mark = '*'
for _, group in ipairs(of.groups) do
mark = group.small and mark or '+'
end
of.mark = mark
end
return mark
end
local keys = KEYS
local each = ARGV[1]
local size = ARGV[2]
local plan = ARGV[3]
local of = effects.open(keys, plan, size, 4, 0)
local window, print, durable, explain = unpack(of.fields, 1, 4)
window, durable, explain = window ~= '' and window, durable == '1', explain == '1'
local wrong = of.wrong or window and denied({ 'SET' }, keys[1], {})
local items = (#ARGV - 3) / 1
if items == 1 then
local own, values = { unpack(KEYS, #KEYS - items * each + 1) }, ARGV[4]
do`, piece126, `end
return nil
end
local function item(own, values)`, piece126, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * each + done * each
local arg = 3 + done * 1
done = done + 1
local reply = item({ unpack(KEYS, key + 1, key + each) }, ARGV[arg + 1])`, piece6),
}

/**
 * List a part of the members of a sorted set, or of the fields of a hash, for a comparison.
 *
 * A member that is there during the whole scan is listed, some several times.
 *
 * - key `object`: sorted set or hash
 * - `kind`: z for a sorted set, h for a hash
 * - `cursor`: 0 at first
 * - replies the next cursor, 0 at the end; then members
 */
export const recordScan: Script<[], [object: string, kind: Arg, cursor: Arg], readonly Reply[]> = {
  name: 'record/scan',
  sha: '6fc1244b3f2051c484b1efe706558f50c66497f5',
  batch: 4,
  sharedKeys: false,
  shared: [],
  keys: ["object"],
  args: ["kind","cursor"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local COUNT = 200
local items = #KEYS / 1
if items == 1 then
local object, kind, cursor = KEYS[1], ARGV[1], ARGV[2]
do`, piece127, `end
return nil
end
local function item(object, kind, cursor)`, piece127, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Read values of an object at a known position of a stream, for a comparison.
 *
 * - key `stream`: stream
 * - key `object`: sorted set, hash, or history of a channel
 * - `kind`: z, h or x for those three
 * - `fields`: members or fields, each followed by a zero byte
 * - replies the last id of the stream, and how many entries were ever added; then the value of each field, null for none; of a history the offset and the tag of its newest event
 */
export const recordValues: Script<[], [stream: string, object: string, kind: Arg, fields: Arg], readonly Reply[]> = {
  name: 'record/values',
  sha: 'ee1ab4d95d10a0df2ceb493039e28653d572f177',
  batch: 4,
  sharedKeys: false,
  shared: [],
  keys: ["stream","object"],
  args: ["kind","fields"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local function position_of(stream)
if redis.call('EXISTS', stream) == 0 then
return { '0-0', 0 }
end
local info, found = redis.call('XINFO', 'STREAM', stream), {}
for at = 1, #info, 2 do
found[info[at]] = info[at + 1]
end
return { found['last-generated-id'], found['entries-added'] }
end
local function newest(object)
local entry = redis.call('XREVRANGE', object, '+', '-', 'COUNT', '1')[1]
if not entry then
return false
end
local tag = entry[2][5] == 'g' and entry[2][6] or ''
return string.match(entry[1], '%d+$') .. ' ' .. tag
end
local items = #KEYS / 2
if items == 1 then
local stream, object, kind, fields = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
do`, piece128, `end
return nil
end
local function item(stream, object, kind, fields)`, piece128, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 2
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Store the declaration of a feature, and return the stored one if it differs.
 *
 * - key `declaration`: string
 * - `text`: the declaration as readable text
 * - `lasts`: milliseconds for which it is stored; 0: without a limit
 * - replies the declaration before, if it differs
 * - on a full server refused: its answer can wait
 */
export const spaceDeclare: Script<[], [declaration: string, text: Arg, lasts: Arg], string | null> = {
  name: 'space/declare',
  sha: 'ff4d8a140adac867b7e7e65b2ec64aeca38e351c',
  batch: 16,
  sharedKeys: false,
  shared: [],
  keys: ["declaration"],
  args: ["text","lasts"],
  returns: 'string|null',
  text: /* @__PURE__ */ lines(`#!lua
local items = #KEYS / 1
if items == 1 then
local declaration, text, lasts = KEYS[1], ARGV[1], ARGV[2]
do`, piece129, `end
return nil
end
local function item(declaration, text, lasts)`, piece129, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Register an object of a feature, so that tools can list it without SCAN.
 *
 * Invariant: the three keys have the same members. A member that was not registered again in time is removed, some with each call; above
 * the most, the one that was registered least recently is. The keys are read by tools only: without them every feature works.
 *
 * - key `names`: sorted set, all scores 0: a feature and the name of an object of it, or a space
 * - key `seen`: sorted set: the same, by the millisecond at which a process last registered it
 * - key `options`: hash: the options that a tool needs to open it, as JSON
 * - `member`: feature and name, or space
 * - `given`: its options
 * - `lasts`: milliseconds for which it stays registered
 * - `most`: members
 * - replies 1 if it is new
 * - on a full server refused: a process registers its objects again
 */
export const spaceRegister: Script<[], [names: string, seen: string, options: string, member: Arg, given: Arg, lasts: Arg, most: Arg], number> = {
  name: 'space/register',
  sha: 'ba26e7ce63874c4efb0d640d4f0e48882b0f2922',
  batch: 32,
  sharedKeys: false,
  shared: [],
  keys: ["names","seen","options"],
  args: ["member","given","lasts","most"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, `local AT_ONCE = 16
local items = #KEYS / 3
if items == 1 then
local names, seen, options, member, given, lasts, most = KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
do`, piece130, `end
return nil
end
local function item(names, seen, options, member, given, lasts, most)`, piece130, `end
local replies, done = {}, 0
local own = #ARGV > 4 and 4 or 0
local function run()
while done < items do
local key = done * 3
local arg = 0 + done * own
done = done + 1`, piece131, piece6),
}

/**
 * A page of what is registered.
 *
 * - key `names`: as register.lua
 * - key `seen`: as register.lua
 * - key `options`: as register.lua
 * - `after`: bound of the first member, as ZRANGE BYLEX has it
 * - `to`: bound of the last
 * - `limit`: of members
 * - `lasts`: milliseconds for which a member stays registered
 * - replies member, milliseconds since 1970 at which it was last registered (empty: too long ago), and its options, for each
 */
export const spaceRegistered: Script<[], [names: string, seen: string, options: string, after: Arg, to: Arg, limit: Arg, lasts: Arg], readonly Reply[]> = {
  name: 'space/registered',
  sha: 'ff6dac933a3e39e7a205da21cb75b7be54ab27f8',
  batch: 4,
  sharedKeys: false,
  shared: [],
  keys: ["names","seen","options"],
  args: ["after","to","limit","lasts"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, `local items = #KEYS / 3
if items == 1 then
local names, seen, options, after, to, limit, lasts = KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
do`, piece132, `end
return nil
end
local function item(names, seen, options, after, to, limit, lasts)`, piece132, `end
local replies, done = {}, 0
local own = #ARGV > 4 and 4 or 0
local function run()
while done < items do
local key = done * 3
local arg = 0 + done * own
done = done + 1`, piece131, piece6),
}

/**
 * Append an entry.
 *
 * Invariant: an entry that a group has not read or not finished is never trimmed, unless the log is lossy. Adds to a work queue
 * trim nothing: the script that finishes entries deletes them.
 *
 * - shared keys `of`: the stream; with order by key also its places, see lua/_lib/stream/places.lua; with tags last their index, see tagging.lua
 * - shared `limits`: limits of the stream, see lua/_lib/stream/append.lua
 * - `payload`: JSON text, and its tags, see lua/_lib/stream/append.lua
 * - `trace`: traceparent, or empty
 * - `due`: earliest time to handle it: milliseconds since 1970, +milliseconds from now, or empty; then a semicolon and its own terms (entry.lua), and a space and the key, if any
 * - replies the entry's id; null when the stream is full
 * - on a full server refused: it adds an entry
 */
export const streamAdd: Script<[of: readonly string[], limits: Arg], [payload: Arg, trace: Arg, due: Arg], string | null> = {
  name: 'stream/add',
  sha: '39f45f58a41b978b69e981cf7267793985819d51',
  batch: 64,
  sharedKeys: true,
  shared: ["limits"],
  keys: [],
  args: ["payload","trace","due"],
  returns: 'string|null',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece133, piece134, `local of = KEYS
local limits = ARGV[1]
local stream = append.open(of, 1, limits)
local items = (#ARGV - 1) / 3
if items == 1 then
local payload, trace, due = ARGV[2], ARGV[3], ARGV[4]
do`, piece135, `end
return nil
end
local function item(payload, trace, due)`, piece135, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 3
done = done + 1
local reply = item(ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`, piece6),
}

/**
 * Append the entries of a batch, once.
 *
 * Invariant: the entries of a batch are added together with the batch's number, or not at all. A writer numbers its batches and
 * sends one at a time. If it gets no reply, it sends the batch again under the same number. A number that is not above the last
 * one adds nothing. So a batch is added once, also when a copy of the call arrives late. The invariant of `stream/add` too.
 * If Redis dies during the script, it has none of its writes afterwards. If the writer dies, its number expires a day later.
 *
 * - shared keys `of`: the stream; with order by key also its places, see lua/_lib/stream/places.lua; with tags last their index, see tagging.lua
 * - shared `limits`: limits of the stream, see lua/_lib/stream/append.lua
 * - key `written`: string: number of the writer's last batch, and how many of its entries were added
 * - `number`: number of this batch
 * - `payloads`: at most 128 JSON texts without line feeds, with their tags, each followed by a line feed
 * - replies how many entries were added, the others found the stream full; then the name of each group for which the trim of a lossy log deleted entries that it had not finished, and how many
 * - on a full server refused: it adds entries
 */
export const streamAddBatch: Script<[of: readonly string[], limits: Arg], [written: string, number: Arg, payloads: Arg], readonly Reply[]> = {
  name: 'stream/add_batch',
  sha: 'dd72ce17de791e9b1d68009e5694594e1b6b281d',
  batch: 1,
  sharedKeys: true,
  shared: ["limits"],
  keys: ["written"],
  args: ["number","payloads"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece133, piece134, `local of = KEYS
local limits = ARGV[1]
local DAY = 86400
local stream = append.open(of, 1, limits)
stream.missed = {}
local items = (#ARGV - 1) / 2
if items == 1 then
local written, number, payloads = KEYS[#KEYS - items * 1 + 1], ARGV[2], ARGV[3]
do`, piece136, `end
return nil
end
local function item(written, number, payloads)`, piece136, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 1 + done * 1
local arg = 1 + done * 2
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Append a delayed entry to a work queue with one group, or replace the payload, terms and time of the one that was added with the same
 * dedup id, if that still waits for its time.
 *
 * Invariant: of the adds with one dedup id at most one entry waits for its time here, and it has what the last of them gave. It is in one place
 * of the group: `delayed`. The value of the key `latest` is its member there; one that is there no more has become due, or was cancelled.
 *
 * - shared keys `of`: the stream, and the group's sorted set of delayed entries; with tags last their index, see tagging.lua
 * - shared `limits`: limits of the stream, see lua/_lib/stream/append.lua
 * - shared `workers`: pub/sub channel that the group's workers follow
 * - key `latest`: string: the member of the entry that was added last with this dedup id
 * - `payload`: JSON text, and its tags, see lua/_lib/stream/append.lua
 * - `trace`: traceparent, or empty
 * - `due`: time to handle it: milliseconds since 1970, or +milliseconds from now; then a semicolon and its own terms (entry.lua), if any
 * - replies the entry's id, with a leading = if it was replaced; null when the stream is full
 * - on a full server refused: it adds an entry
 */
export const streamAddLatest: Script<[of: readonly string[], limits: Arg, workers: Arg], [latest: string, payload: Arg, trace: Arg, due: Arg], string | null> = {
  name: 'stream/add_latest',
  sha: '53ded67979fce4fc91ca01072128c80d6858bdca',
  batch: 64,
  sharedKeys: true,
  shared: ["limits","workers"],
  keys: ["latest"],
  args: ["payload","trace","due"],
  returns: 'string|null',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece133, piece49, piece137, piece138, piece139, piece1, `local function load_limits()
local function groups(stream)
local found = {}
for at, fields in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
local group = {}
for field = 1, #fields, 2 do
group[fields[field]] = fields[field + 1]
end
found[at] = group
end
return found
end
local function ids(stream, first, last, most)
local found, bytes = {}, 0
for step = 1, most do
local count = math.min(step == 1 and 4 or 16, most - #found)
if count <= 0 or bytes >= 262144 then
return found, false
end
local page = redis.call('XRANGE', stream, first, last, 'COUNT', count)
for _, entry in ipairs(page) do
found[#found + 1] = entry[1]
for _, text in ipairs(entry[2]) do
bytes = bytes + #text
end
end
if #page < count then
return found, true
end
first = '(' .. page[count][1]
end
return found, false
end
local limits = { backlog = nil, trim = nil }
local EVERY, MOST = 64, 256
local function finished(stream)
local bound
for _, group in ipairs(groups(stream)) do
local first
if group.pending > 0 then
first = redis.call('XPENDING', stream, group.name, '-', '+', 1)[1][1]
else
first = following(group['last-delivered-id'])
end
if not bound or earlier(first, bound) then
bound = first
end
end
return bound
end
function limits.backlog(stream)
if not stream.backlog then
local most = 0
for _, group in ipairs(stream.length > 0 and groups(stream.key) or {}) do
most = math.max(most, group.lag and group.lag + group.pending or stream.length)
end
stream.backlog = most
end
return stream.backlog
end
local function note_missed(stream, list, at)
local final = list[at - 1]
for _, group in ipairs(groups(stream.key)) do
local missed = 0
for before = at - 1, 1, -1 do
if not earlier(group['last-delivered-id'], list[before]) then
break
end
missed = missed + 1
end
if group.pending > 0 then
missed = missed + #redis.call('XPENDING', stream.key, group.name, list[1], final, at - 1)
end
if missed > 0 then
stream.missed[group.name] = (stream.missed[group.name] or 0) + missed
end
end
end
function limits.trim(stream)
local key, age = stream.key, stream.age
local bound = not stream.lossy and finished(key) or nil
local over = stream.entries > 0 and stream.length - stream.entries or 0
if stream.bytes > 0 then
local bytes = redis.pcall('MEMORY', 'USAGE', key)
if type(bytes) == 'number' and bytes > stream.bytes then
over = math.max(over, 2 * EVERY)
end
end
local oldest = age > 0 and now / 1000 - age or 0
local most = math.min(oldest > 0 and MOST or over, MOST)
if most <= 0 or (bound and not earlier(redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1][1], bound)) then
return 0
end
local list = ids(key, '-', '+', most + 1)
for at, id in ipairs(list) do
local wanted = at <= over or tonumber(string.match(id, '%d+')) < oldest
if at == #list or not wanted or (bound and not earlier(id, bound)) then
if at <= 1 then
return 0
end
if stream.lossy and stream.missed then
note_missed(stream, list, at)
end
return redis.call('XTRIM', key, 'MINID', '=', id)
end
end
return 0
end
return limits
end
local function load_ordered()
local function expanded(value)
if not value or not string.find(value, ':', 1, true) then
return value
end
return (string.gsub(value, '(r[^/ ]*/)(%d+):(%d+)', function(run, first, last)
local all = {}
for nth = tonumber(first), tonumber(last) do
all[#all + 1] = run .. nth
end
return table.concat(all, ' ')
end))
end
local function sortable(id)
local ms, number = string.match(id, '^(%d+)-(%d+)$')
return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end
local members = { from = nil }
function members.prefix(key, id)
return key .. '\\0' .. sortable(id) .. '\\0'
end
function members.from(key, delivery)
local more = ''
if delivery.a > 0 or delivery.f > 0 or delivery.v or delivery.o then
more = string.format('%.0f %.0f %.0f ', delivery.a, delivery.f, delivery.v or 0) .. (delivery.o or '')
end
return members.prefix(key, delivery.i) .. (delivery.t or '') .. '\\0' .. more .. '\\0' .. delivery.d
end
function members.entry(member, length)
length = length or #string.match(member, '^[^%z]*')
local ms, number, trace, more, payload =
string.match(member, '^%z%u(%d+)%u(%d+)%z([^%z]*)%z([^%z]*)%z(.*)$', length + 1)
if not ms then
return nil
end
local delivery = { i = ms .. '-' .. number, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil }
if more ~= '' then
local a, f, v, o = string.match(more, '^(%d+) (%d+) (%d+) (.*)$')
if not a then
return nil
end
delivery.a, delivery.f = tonumber(a), tonumber(f)
delivery.v = v ~= '0' and tonumber(v) or nil
delivery.o = o ~= '' and o or nil
end
return delivery
end
function members.may_run(member, length)
return string.find(member, '^%z%u%d+%u%d+%z[^%z]*%z%z', length + 1) ~= nil
end
function members.position(position)
return string.match(position, '^([^/]*)/(%d+)$')
end
function members.of_run(fields, nth)
local member = fields[1] == 'k' and fields[2 * nth + 1] == 'm' and fields[2 * nth + 2]
local delivery = member and members.entry(member)
if delivery then
delivery.k = fields[2]
end
return delivery or nil
end
local places = { open = nil }
local STEP, MOST_BYTES, SMALL, BEHIND = 4, 65536, 1024, '\\1'
function places.open(busy, queued, ready, most)
return { busy = busy, queued = queued, ready = ready, most = tonumber(most), small = false }
end
function places.wrong(of)
return typed(of.busy, 'hash') or typed(of.queued, 'zset')
end
function places.key_of(place)
return string.match(place, '^[^\\1]*')
end
local function named(key, number)
return number == 1 and key or key .. '\\1' .. number
end
function places.free(of, key)
for number = 1, of.most do
local place = named(key, number)
if redis.call('HEXISTS', of.busy, place) == 0 then
return place
end
end
end
function places.take(of, place, location)
redis.call('HSET', of.busy, place, location)
end
function places.get(of, place)
return expanded(redis.call('HGET', of.busy, place))
end
function places.first(of, place)
return string.match(places.get(of, place) or '', '^%S+')
end
function places.queue(of, key, delivery)
redis.call('ZADD', of.queued, 0, members.from(key, delivery))
end
function places.is_queued(of, key, id)
local prefix = members.prefix(key, id)
return redis.call('ZRANGE', of.queued, '[' .. prefix, '(' .. prefix .. '\\255', 'BYLEX', 'LIMIT', 0, 1)[1] ~= nil
end
function places.unqueue(of, key, delivery)
redis.call('ZREM', of.queued, members.from(key, delivery))
end
function places.queued_entry(member)
return members.entry(member)
end
function places.queued_match(id)
return '*' .. members.prefix('', id) .. '*'
end
local function first_queued(of, key, run)
local from, to = '[' .. key .. '\\0', '(' .. key .. '\\1'
local count = of.small and run or math.min(run, STEP)
local found = redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', '0', count)
of.small = found[1] and #found[1] < SMALL
if run > count and #found == count and of.small then
for _, member in ipairs(redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', count, run - count)) do
found[#found + 1] = member
end
end
return found
end
local function put_run(of, place, run)
local add = { 'XADD', of.ready, '*', 'k', place }
for at, member in ipairs(run) do
add[2 * at + 4], add[2 * at + 5] = 'm', member
end
return 'r' .. redis.call(unpack(add)) .. '/1:' .. #run
end
local function run_of(found, length)
local run, bytes = {}, 0
for at, member in ipairs(found) do
bytes = bytes + #member
if at > 1 and bytes > MOST_BYTES or not members.may_run(member, length) then
break
end
run[at] = member
end
return run, bytes
end
function places.pass_on(of, place, run, later)
local key, number = place, ''
if string.find(place, '\\1', 1, true) then
key, number = string.match(place, '^([^\\1]*)\\1(%d*)$')
end
local found = (tonumber(number) or 1) <= of.most and first_queued(of, key, run) or {}
later = later or { busy = {}, free = {}, behind = 0, alone = true }
local together, bytes = run_of(found, #key)
local locations
if together[2] then
locations = put_run(of, place, together)
later.behind = later.behind + #together - 1
redis.call('ZREM', of.queued, unpack(together))
elseif found[1] then
local delivery = members.entry(found[1], #key)
if delivery then
delivery.k = place
locations = 'r' .. entry.put_ready(of.ready, delivery)
else
entry.put_ready(of.ready, { foreign = true, d = found[1] })
end
redis.call('ZREM', of.queued, found[1])
end
if locations then
later.busy[#later.busy + 1] = place
later.busy[#later.busy + 1] = locations
else
later.free[#later.free + 1] = place
end
if later.alone then
places.done(of, later)
end
return bytes
end
local function count_behind(of, change)
if change ~= 0 and redis.call('HINCRBY', of.busy, BEHIND, change) <= 0 then
redis.call('HDEL', of.busy, BEHIND)
end
end
function places.done(of, later)
if later.busy[1] then
redis.call('HSET', of.busy, unpack(later.busy))
end
if later.free[1] then
redis.call('HDEL', of.busy, unpack(later.free))
end
count_behind(of, later.behind)
end
function places.run(location)
return string.match(location, '^(r[^/]*/)')
end
local function leave_run(of, location, rest)
local run = places.run(location)
if run and string.find(rest, run, 1, true) then
count_behind(of, -1)
end
end
function places.left(of, place, position)
local base = members.position(position)
if base and string.find(redis.call('HGET', of.busy, place) or '', 'r' .. base .. '/', 1, true) then
return nil
end
return base or position
end
function places.is_in(value, location)
return value and string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true) ~= nil
end
function places.positions(of, position)
local found = redis.call('XRANGE', of.ready, position, position)[1]
local fields = found and found[2] or {}
if fields[1] ~= 'k' or fields[3] ~= 'm' then
return { position }
end
local value, all, there = places.get(of, fields[2]), {}, {}
for nth = 1, #fields / 2 - 1 do
all[nth] = position .. '/' .. nth
if places.is_in(value, 'r' .. all[nth]) then
there[#there + 1] = all[nth]
end
end
return there[1] and there or all
end
function places.follows(value, location)
if not value or value == location then
return false
end
local at = string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true)
return at ~= nil and at > 1
end
function places.list(value)
local list = { from = 1 }
for each in string.gmatch(expanded(value) or '', '%S+') do
list[#list + 1] = each
end
return list
end
function places.shift(list, location)
if list[list.from] == location then
list.from = list.from + 1
return true
end
for at = list.from + 1, #list do
if list[at] == location then
return false
end
end
return not places.run(location)
end
function places.without(value, location)
local left = {}
for each in string.gmatch(value or '', '%S+') do
if each ~= location then
left[#left + 1] = each
end
end
return table.concat(left, ' ')
end
function places.leave(of, place, location, run)
local rest = places.without(places.get(of, place), location)
leave_run(of, location, rest)
if rest == '' then
places.pass_on(of, place, run)
else
redis.call('HSET', of.busy, place, rest)
end
end
function places.move(of, place, from, to)
local value = places.get(of, place)
if not value then
redis.call('HSET', of.busy, place, to)
return
end
local list = {}
for each in string.gmatch(value, '%S+') do
list[#list + 1] = each == from and to or each
end
local rest = table.concat(list, ' ')
leave_run(of, from, rest)
redis.call('HSET', of.busy, place, rest)
end
function places.later(due, id)
return 'd' .. string.format('%.0f', due) .. '/' .. id
end
function places.enter(of, key, delivery)
local place = places.free(of, key)
if not place then
places.queue(of, key, delivery)
return
end
delivery.k = place
places.take(of, place, 'r' .. entry.put_ready(of.ready, delivery))
end
function places.delayed_location(of, delivery)
local location
for each in string.gmatch(places.get(of, delivery.k) or '', '%S+') do
location = string.match(each, '^d%d+/(.*)$') == delivery.i and each or location
end
return location
end
function places.leave_delayed(of, delivery)
local location = places.delayed_location(of, delivery)
if location then
places.leave(of, delivery.k, location, 1)
end
end
function places.due(of, delivery)
local location = delivery.k and places.delayed_location(of, delivery)
if location then
places.move(of, delivery.k, location, 'r' .. entry.put_ready(of.ready, delivery))
elseif delivery.q or delivery.k then
places.enter(of, delivery.q or places.key_of(delivery.k), delivery)
else
entry.put_ready(of.ready, delivery)
end
end
local function has_earlier(of, key, id)
local found = redis.call('ZRANGE', of.queued, '[' .. key .. '\\0', '(' .. members.prefix(key, id), 'BYLEX', 'LIMIT', 0, 1)
return found[1] ~= nil
end
function places.give_back(of, delivery, location)
local place = delivery.k
local key, value = places.key_of(place), places.get(of, place)
if not places.is_in(value, location) then
places.enter(of, key, delivery)
elseif places.follows(value, location) or has_earlier(of, key, delivery.i) then
places.queue(of, key, delivery)
places.leave(of, place, location, 1)
else
places.move(of, place, location, 'r' .. entry.put_ready(of.ready, delivery))
end
end
function places.dissolve(of, run)
for _, position in ipairs(places.positions(of, run)) do
local delivery = entry.read_ready(of.ready, position)
if delivery and delivery.k then
places.give_back(of, delivery, 'r' .. position)
end
end
redis.call('XDEL', of.ready, run)
end
function places.bury(of, delivery, location, position, stops)
if stops then
places.move(of, delivery.k, location, 'x' .. position)
else
places.leave(of, delivery.k, location, 1)
end
end
local ordered = { wrong = nil, add = nil, is_queued = nil }
local function places_of(stream)
stream.held = stream.held or places.open(stream.busy, stream.queued, nil, stream.places)
return stream.held
end
function ordered.wrong(stream)
return places.wrong(places_of(stream))
end
function ordered.is_queued(stream, key, id)
return places.is_queued(places_of(stream), key, id)
end
function ordered.add(stream, key, payload, trace, own)
local of = places_of(stream)
local place = places.free(of, key)
if not place then
local id = reserve(stream)
if type(id) == 'table' then
return id
end
redis.call('HINCRBY', of.busy, '', 1)
places.queue(of, key, { i = id, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil, o = own ~= '' and own or nil })
return id
end
local id
if trace == '' and own == '' then
id = redis.pcall('XADD', stream.key, '*', 'd', payload, 'k', place)
else
local add = { 'XADD', stream.key, '*', 'd', payload }
for _, field in ipairs({ { 't', trace }, { 'o', own }, { 'k', place } }) do
if field[2] ~= '' then
add[#add + 1] = field[1]
add[#add + 1] = field[2]
end
end
id = redis.pcall(unpack(add))
end
if type(id) ~= 'table' then
places.take(of, place, 'm' .. id)
end
return id
end
return ordered
end
local function load_tagging()
local function allowed(command, key)
if command == 'XGROUP' then
return redis.acl_check_cmd(command, 'CREATE', key, '1', '1')
elseif command == 'XINFO' then
return redis.acl_check_cmd(command, 'STREAM', key, '1', '1')
elseif command == 'EXISTS' or command == 'DEL' or command == 'UNLINK' then
return redis.acl_check_cmd(command, key)
end
return redis.acl_check_cmd(command, key, '1', '1', '1', '1')
end
local function denied(commands, key, asked)
for at = 1, #commands do
local command = commands[at]
if not asked[command] then
if not allowed(command, key) then
return { err = "NOPERM the user may not run '" .. string.lower(command) .. "'" }
end
asked[command] = true
end
end
end
local function sortable(id)
local ms, number = string.match(id, '^(%d+)-(%d+)$')
return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end
local tagging = { open = nil, wrong = nil, put = nil, replace = nil }
local MOST, MOST_TAGS = 64, 8
function tagging.open(key, limits)
local entries, age = string.match(limits, '(%d+) (%d+)')
local step = math.min(MOST, math.ceil(entries / 16))
return { key = key, entries = tonumber(entries), age = tonumber(age), step = step, count = nil, fresh = true }
end
function tagging.wrong(of)
local count = redis.pcall('ZCOUNT', of.key, '0', '0')
if type(count) == 'table' then
return count
end
of.count = count
return denied({ 'ZADD', 'ZREM', 'ZRANGE', 'PEXPIRE' }, of.key, {})
end
local function members(command, place, tags, scored)
command[#command + 1] = scored and '0' or nil
command[#command + 1] = '\\1' .. place .. tags
local count = 0
for tag in string.gmatch(tags, '\\1([^\\1]+)') do
count = count + 1
if count > MOST_TAGS then
break
end
command[#command + 1] = scored and '1' or nil
command[#command + 1] = tag .. '\\1' .. place
end
return command
end
local function oldest(of, most)
return redis.call('ZRANGE', of.key, '0', '0', 'BYSCORE', 'LIMIT', 0, most)
end
local function is_old(of, record)
return tonumber(string.match(record, '^\\1%a(%d+)') or 0) < now / 1000 - of.age
end
local function remove(of, records, must_go)
local command = { 'ZREM', of.key }
for _, record in ipairs(records) do
if not must_go(record) then
break
end
local place, tags = string.match(record, '^\\1([^\\1]*)(.*)$')
if place then
members(command, place, tags)
else
command[#command + 1] = record
end
of.count = of.count - 1
end
if #command > 2 then
redis.call(unpack(command))
end
end
function tagging.put(of, id, tags)
redis.call(unpack(members({ 'ZADD', of.key }, sortable(id), tags, true)))
of.count = of.count + 1
local fresh = of.fresh
if fresh then
of.fresh = false
redis.call('PEXPIRE', of.key, of.age)
end
if of.count - of.entries >= of.step or fresh and is_old(of, oldest(of, 1)[1]) then
remove(of, oldest(of, MOST), function(record)
return of.count > of.entries or is_old(of, record)
end)
end
end
function tagging.replace(of, id, tags)
local begin = '\\1' .. sortable(id) .. '\\1'
local records = redis.call('ZRANGE', of.key, '[' .. begin, '(\\1' .. sortable(id) .. '\\2', 'BYLEX', 'LIMIT', 0, 1)
remove(of, records, function()
return true
end)
if tags ~= '' then
tagging.put(of, id, tags)
end
end
return tagging
end
local append = { open = nil, prepare = nil, apply = nil, wrong = nil, split = nil, retag = nil }
local EVERY, LARGE = 64, 2048
function append.open(keys, from, limits)
local queue, most, entries, bytes, age, lossy, declare, names, tagged =
string.match(limits, '(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) ?([^;]*);?(.*)')
local ordered = queue ~= '0' and queue ~= '1' and load_ordered() or nil
local tagging = tagged ~= '' and load_tagging() or nil
return {
key = keys[from],
queue = queue ~= '0',
ordered = ordered,
busy = keys[from + 1],
queued = keys[from + 2],
tagging = tagging,
tags = tagging and tagging.open(keys[from + (ordered and 3 or 1)], tagged),
places = queue - 1,
last = nil,
most = tonumber(most),
counts = queue ~= '1' or most ~= '0',
entries = tonumber(entries),
bytes = tonumber(bytes),
age = tonumber(age),
lossy = lossy == '1',
declares = declare == '1',
names = names,
length = nil,
backlog = nil,
prepared = 0,
fresh = true,
bounds = nil,
count = nil,
put = nil,
}
end
local function limits_of(stream)
stream.bounds = stream.bounds or load_limits()
return stream.bounds
end
local function backlog_of(stream)
return stream.queue and stream.length or limits_of(stream).backlog(stream)
end
local function declare(stream)
for name in string.gmatch(stream.names, '%S+') do
local made = redis.pcall('XGROUP', 'CREATE', stream.key, name, '0', 'MKSTREAM')
if made.err and not string.match(made.err, '^BUSYGROUP') then
return made
end
end
end
function append.wrong(stream)
return stream.ordered and stream.ordered.wrong(stream) or stream.tagging and stream.tagging.wrong(stream.tags) or nil
end
function append.split(stream, payload)
local from = stream.tagging and string.find(payload, '\\1', 1, true)
if not from then
return payload, ''
end
return string.sub(payload, 1, from - 1), string.sub(payload, from)
end
function append.retag(stream, id, tags)
if stream.tagging then
stream.tagging.replace(stream.tags, id, tags)
end
end
function append.prepare(stream)
if not stream.length then
local length = redis.pcall('XLEN', stream.key)
if type(length) == 'table' then
return length
end
if stream.ordered or stream.tagging then
local wrong = append.wrong(stream)
if wrong then
return wrong
end
length = stream.ordered and length + redis.call('ZCARD', stream.queued) or length
end
if stream.count then
local more = stream.count()
if type(more) == 'table' then
return more
end
length = length + more
end
stream.length = length
stream.declares = stream.names ~= ''
and (stream.declares or (length == 0 or stream.ordered or stream.put) and redis.call('EXISTS', stream.key) == 0)
end
if stream.counts then
local most = stream.most - stream.prepared
if stream.most > 0 and stream.length >= most and backlog_of(stream) >= most then
return false
end
stream.prepared = stream.prepared + 1
end
return true
end
local function added(stream, payload)
local length = stream.length + 1
stream.length = length
if stream.backlog then
stream.backlog = stream.backlog + 1
end
if not stream.queue then
local every = #payload <= LARGE and EVERY or math.max(1, math.floor(EVERY * LARGE / #payload))
if length % every == 0 or (stream.fresh and stream.age > 0) then
local ok, trimmed = pcall(limits_of(stream).trim, stream)
stream.length = ok and length - trimmed or length
end
end
stream.fresh = false
end
function append.apply(stream, payload, trace, due)
local counts, declares = stream.counts, stream.declares
if counts then
stream.prepared = stream.prepared - 1
end
if declares then
local refused = declare(stream)
if refused then
return refused
end
stream.declares = false
end
local id, key, tags
local own = ''
if stream.tagging then
payload, tags = append.split(stream, payload)
end
if stream.ordered then
due, key = string.match(due, '^(%S*) ?(.*)$')
end
if due ~= '' then
due, own = string.match(due, '^([^;]*);?(.*)$')
end
if key and key ~= '' and due == '' then
id = stream.ordered.add(stream, key, payload, trace, own)
elseif stream.put then
id = stream.put(stream, payload, trace, due, own)
elseif trace == '' and due == '' and own == '' then
id = redis.pcall('XADD', stream.key, '*', 'd', payload)
else
local add = { 'XADD', stream.key, '*', 'd', payload }
if trace ~= '' then
add[#add + 1] = 't'
add[#add + 1] = trace
end
if due ~= '' then
add[#add + 1] = 'n'
add[#add + 1] = string.format('%.0f', due_at(due))
end
if own ~= '' then
add[#add + 1] = 'o'
add[#add + 1] = own
end
if key and key ~= '' then
add[#add + 1] = 'q'
add[#add + 1] = key
end
id = redis.pcall(unpack(add))
end
if (stream.ordered or stream.put) and type(id) == 'string' then
stream.last = id
end
if type(id) == 'table' then
if declares then
error(id)
end
return id
end
if tags and tags ~= '' then
stream.tagging.put(stream.tags, id, tags)
end
if counts then
added(stream, payload)
end
return id
end
local of = KEYS
local limits = ARGV[1]
local workers = ARGV[2]
local stream = append.open({ of[1], of[3] }, 1, limits)
local latest_key, known_id
function stream.count()
return redis.pcall('ZCARD', of[2])
end
function stream.put(into, payload, trace, due, own)
local id = known_id or reserve(into)
if type(id) == 'table' then
return id
end
local delivery = { i = id, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil, o = own ~= '' and own or nil }
local time = due_at(due)
local member = entry.put_delayed(of[2], delivery, time)
local lasts = math.max(1000, time - math.floor(now / 1000))
redis.call('SET', latest_key, member, 'PX', string.format('%.0f', lasts))
redis.pcall('SPUBLISH', workers, '')
return id
end
local items = (#ARGV - 2) / 3
if items == 1 then
local latest, payload, trace, due = KEYS[#KEYS - items * 1 + 1], ARGV[3], ARGV[4], ARGV[5]
do`, piece140, `end
return nil
end
local function item(latest, payload, trace, due)`, piece140, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 1 + done * 1
local arg = 2 + done * 3
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`, piece6),
}

/**
 * Append an entry, unless one with the same dedup id was appended within the window.
 *
 * Invariant: within the window, and until the entry is due, all adds with one dedup id return the id of the same entry. The
 * invariant of `stream/add` too.
 *
 * - shared keys `of`: the stream; with order by key also its places, see lua/_lib/stream/places.lua; with tags last their index, see tagging.lua
 * - shared `limits`: limits of the stream, see lua/_lib/stream/append.lua
 * - key `added`: string: the id of the entry that was added with this dedup id
 * - `payload`: JSON text, and its tags, see lua/_lib/stream/append.lua
 * - `trace`: traceparent, or empty
 * - `due`: earliest time to handle it: milliseconds since 1970, +milliseconds from now, or empty; then a semicolon and its own terms (entry.lua), and a space and the key, if any
 * - `window`: milliseconds for which the dedup id is remembered
 * - replies the entry's id, with a leading = if it was added before; null when the stream is full
 * - on a full server refused: it adds an entry
 */
export const streamAddOnce: Script<[of: readonly string[], limits: Arg], [added: string, payload: Arg, trace: Arg, due: Arg, window: Arg], string | null> = {
  name: 'stream/add_once',
  sha: 'f7e15237274dc552c5ac2b5df38411630fa33e9d',
  batch: 64,
  sharedKeys: true,
  shared: ["limits"],
  keys: ["added"],
  args: ["payload","trace","due","window"],
  returns: 'string|null',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece133, piece134, `local of = KEYS
local limits = ARGV[1]
local stream = append.open(of, 1, limits)
local items = (#ARGV - 1) / 4
if items == 1 then
local added, payload, trace, due, window = KEYS[#KEYS - items * 1 + 1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
do`, piece141, `end
return nil
end
local function item(added, payload, trace, due, window)`, piece141, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 1 + done * 1
local arg = 1 + done * 4
done = done + 1`, piece11, piece6),
}

/**
 * Append an entry of high or low priority to a work queue with one group. One of high priority goes into ready, with the entries that the group
 * handles again, which workers read beside new ones. One of low priority goes into `low` (low.lua) while another entry of the group waits, and
 * otherwise into ready, where idle workers wait. One with a time goes into delayed: in the stream it would be found only behind the entries there.
 *
 * Invariant: the entry has an id that no other entry of the stream gets, and is in one place of the group: `low`, ready or delayed. With a dedup
 * id it is added once, as by `stream/add_once` or, with `unique_id`, by `stream/add_unfinished`.
 * If the process dies before the script, nothing was added; after it, the entry and its dedup id are there. The first entry in `low`, and entries
 * in delayed, publish a message. A worker that does not get it notices within ten seconds.
 *
 * - shared keys `of`: the stream; of the group ready, `low`, delayed, the hash of places of keys, which also counts these entries (lua/_lib/stream/places.lua), results and their times (outcomes.lua); with tags last their index, see tagging.lua
 * - shared `limits`: limits of the stream, see lua/_lib/stream/append.lua
 * - shared `group`: group
 * - shared `workers`: pub/sub channel that the group's workers follow, l for an entry in `low`, empty for one in delayed
 * - key `added`: string: the id of the entry that was added with this dedup id; without one the stream
 * - `payload`: JSON text, and its tags, see lua/_lib/stream/append.lua
 * - `trace`: traceparent, or empty
 * - `due`: time to handle it: milliseconds since 1970, +milliseconds from now, or empty; then a semicolon and its own terms (entry.lua), if any
 * - `unique_id`: u and the digits of a dedup id that is free once the entry ends, or empty
 * - `window`: milliseconds for which the dedup id is remembered; 0: it has none
 * - `priority`: h or l
 * - replies the entry's id, with a leading = if it was added before; null when the stream is full
 * - on a full server refused: it adds an entry
 */
export const streamAddPriority: Script<[of: readonly string[], limits: Arg, group: Arg, workers: Arg], [added: string, payload: Arg, trace: Arg, due: Arg, uniqueId: Arg, window: Arg, priority: Arg], string | null> = {
  name: 'stream/add_priority',
  sha: '68df11994a94fff3b27330538618fa48180c36b9',
  batch: 64,
  sharedKeys: true,
  shared: ["limits","group","workers"],
  keys: ["added"],
  args: ["payload","trace","due","unique_id","window","priority"],
  returns: 'string|null',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece133, piece49, piece137, piece36, piece138, piece142, piece143, piece144, piece1, `local function load_limits()
local function ids(stream, first, last, most)
local found, bytes = {}, 0
for step = 1, most do
local count = math.min(step == 1 and 4 or 16, most - #found)
if count <= 0 or bytes >= 262144 then
return found, false
end
local page = redis.call('XRANGE', stream, first, last, 'COUNT', count)
for _, entry in ipairs(page) do
found[#found + 1] = entry[1]
for _, text in ipairs(entry[2]) do
bytes = bytes + #text
end
end
if #page < count then
return found, true
end
first = '(' .. page[count][1]
end
return found, false
end
local limits = { backlog = nil, trim = nil }
local EVERY, MOST = 64, 256
local function finished(stream)
local bound
for _, group in ipairs(groups(stream)) do
local first
if group.pending > 0 then
first = redis.call('XPENDING', stream, group.name, '-', '+', 1)[1][1]
else
first = following(group['last-delivered-id'])
end
if not bound or earlier(first, bound) then
bound = first
end
end
return bound
end
function limits.backlog(stream)
if not stream.backlog then
local most = 0
for _, group in ipairs(stream.length > 0 and groups(stream.key) or {}) do
most = math.max(most, group.lag and group.lag + group.pending or stream.length)
end
stream.backlog = most
end
return stream.backlog
end
local function note_missed(stream, list, at)
local final = list[at - 1]
for _, group in ipairs(groups(stream.key)) do
local missed = 0
for before = at - 1, 1, -1 do
if not earlier(group['last-delivered-id'], list[before]) then
break
end
missed = missed + 1
end
if group.pending > 0 then
missed = missed + #redis.call('XPENDING', stream.key, group.name, list[1], final, at - 1)
end
if missed > 0 then
stream.missed[group.name] = (stream.missed[group.name] or 0) + missed
end
end
end
function limits.trim(stream)
local key, age = stream.key, stream.age
local bound = not stream.lossy and finished(key) or nil
local over = stream.entries > 0 and stream.length - stream.entries or 0
if stream.bytes > 0 then
local bytes = redis.pcall('MEMORY', 'USAGE', key)
if type(bytes) == 'number' and bytes > stream.bytes then
over = math.max(over, 2 * EVERY)
end
end
local oldest = age > 0 and now / 1000 - age or 0
local most = math.min(oldest > 0 and MOST or over, MOST)
if most <= 0 or (bound and not earlier(redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1][1], bound)) then
return 0
end
local list = ids(key, '-', '+', most + 1)
for at, id in ipairs(list) do
local wanted = at <= over or tonumber(string.match(id, '%d+')) < oldest
if at == #list or not wanted or (bound and not earlier(id, bound)) then
if at <= 1 then
return 0
end
if stream.lossy and stream.missed then
note_missed(stream, list, at)
end
return redis.call('XTRIM', key, 'MINID', '=', id)
end
end
return 0
end
return limits
end
local function load_ordered()
local function expanded(value)
if not value or not string.find(value, ':', 1, true) then
return value
end
return (string.gsub(value, '(r[^/ ]*/)(%d+):(%d+)', function(run, first, last)
local all = {}
for nth = tonumber(first), tonumber(last) do
all[#all + 1] = run .. nth
end
return table.concat(all, ' ')
end))
end
local places = { open = nil }
local STEP, MOST_BYTES, SMALL, BEHIND = 4, 65536, 1024, '\\1'
function places.open(busy, queued, ready, most)
return { busy = busy, queued = queued, ready = ready, most = tonumber(most), small = false }
end
function places.wrong(of)
return typed(of.busy, 'hash') or typed(of.queued, 'zset')
end
function places.key_of(place)
return string.match(place, '^[^\\1]*')
end
local function named(key, number)
return number == 1 and key or key .. '\\1' .. number
end
function places.free(of, key)
for number = 1, of.most do
local place = named(key, number)
if redis.call('HEXISTS', of.busy, place) == 0 then
return place
end
end
end
function places.take(of, place, location)
redis.call('HSET', of.busy, place, location)
end
function places.get(of, place)
return expanded(redis.call('HGET', of.busy, place))
end
function places.first(of, place)
return string.match(places.get(of, place) or '', '^%S+')
end
function places.queue(of, key, delivery)
redis.call('ZADD', of.queued, 0, members.from(key, delivery))
end
function places.is_queued(of, key, id)
local prefix = members.prefix(key, id)
return redis.call('ZRANGE', of.queued, '[' .. prefix, '(' .. prefix .. '\\255', 'BYLEX', 'LIMIT', 0, 1)[1] ~= nil
end
function places.unqueue(of, key, delivery)
redis.call('ZREM', of.queued, members.from(key, delivery))
end
function places.queued_entry(member)
return members.entry(member)
end
function places.queued_match(id)
return '*' .. members.prefix('', id) .. '*'
end
local function first_queued(of, key, run)
local from, to = '[' .. key .. '\\0', '(' .. key .. '\\1'
local count = of.small and run or math.min(run, STEP)
local found = redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', '0', count)
of.small = found[1] and #found[1] < SMALL
if run > count and #found == count and of.small then
for _, member in ipairs(redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', count, run - count)) do
found[#found + 1] = member
end
end
return found
end
local function put_run(of, place, run)
local add = { 'XADD', of.ready, '*', 'k', place }
for at, member in ipairs(run) do
add[2 * at + 4], add[2 * at + 5] = 'm', member
end
return 'r' .. redis.call(unpack(add)) .. '/1:' .. #run
end
local function run_of(found, length)
local run, bytes = {}, 0
for at, member in ipairs(found) do
bytes = bytes + #member
if at > 1 and bytes > MOST_BYTES or not members.may_run(member, length) then
break
end
run[at] = member
end
return run, bytes
end
function places.pass_on(of, place, run, later)
local key, number = place, ''
if string.find(place, '\\1', 1, true) then
key, number = string.match(place, '^([^\\1]*)\\1(%d*)$')
end
local found = (tonumber(number) or 1) <= of.most and first_queued(of, key, run) or {}
later = later or { busy = {}, free = {}, behind = 0, alone = true }
local together, bytes = run_of(found, #key)
local locations
if together[2] then
locations = put_run(of, place, together)
later.behind = later.behind + #together - 1
redis.call('ZREM', of.queued, unpack(together))
elseif found[1] then
local delivery = members.entry(found[1], #key)
if delivery then
delivery.k = place
locations = 'r' .. entry.put_ready(of.ready, delivery)
else
entry.put_ready(of.ready, { foreign = true, d = found[1] })
end
redis.call('ZREM', of.queued, found[1])
end
if locations then
later.busy[#later.busy + 1] = place
later.busy[#later.busy + 1] = locations
else
later.free[#later.free + 1] = place
end
if later.alone then
places.done(of, later)
end
return bytes
end
local function count_behind(of, change)
if change ~= 0 and redis.call('HINCRBY', of.busy, BEHIND, change) <= 0 then
redis.call('HDEL', of.busy, BEHIND)
end
end
function places.done(of, later)
if later.busy[1] then
redis.call('HSET', of.busy, unpack(later.busy))
end
if later.free[1] then
redis.call('HDEL', of.busy, unpack(later.free))
end
count_behind(of, later.behind)
end
function places.run(location)
return string.match(location, '^(r[^/]*/)')
end
local function leave_run(of, location, rest)
local run = places.run(location)
if run and string.find(rest, run, 1, true) then
count_behind(of, -1)
end
end
function places.left(of, place, position)
local base = members.position(position)
if base and string.find(redis.call('HGET', of.busy, place) or '', 'r' .. base .. '/', 1, true) then
return nil
end
return base or position
end
function places.is_in(value, location)
return value and string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true) ~= nil
end
function places.positions(of, position)
local found = redis.call('XRANGE', of.ready, position, position)[1]
local fields = found and found[2] or {}
if fields[1] ~= 'k' or fields[3] ~= 'm' then
return { position }
end
local value, all, there = places.get(of, fields[2]), {}, {}
for nth = 1, #fields / 2 - 1 do
all[nth] = position .. '/' .. nth
if places.is_in(value, 'r' .. all[nth]) then
there[#there + 1] = all[nth]
end
end
return there[1] and there or all
end
function places.follows(value, location)
if not value or value == location then
return false
end
local at = string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true)
return at ~= nil and at > 1
end
function places.list(value)
local list = { from = 1 }
for each in string.gmatch(expanded(value) or '', '%S+') do
list[#list + 1] = each
end
return list
end
function places.shift(list, location)
if list[list.from] == location then
list.from = list.from + 1
return true
end
for at = list.from + 1, #list do
if list[at] == location then
return false
end
end
return not places.run(location)
end
function places.without(value, location)
local left = {}
for each in string.gmatch(value or '', '%S+') do
if each ~= location then
left[#left + 1] = each
end
end
return table.concat(left, ' ')
end
function places.leave(of, place, location, run)
local rest = places.without(places.get(of, place), location)
leave_run(of, location, rest)
if rest == '' then
places.pass_on(of, place, run)
else
redis.call('HSET', of.busy, place, rest)
end
end
function places.move(of, place, from, to)
local value = places.get(of, place)
if not value then
redis.call('HSET', of.busy, place, to)
return
end
local list = {}
for each in string.gmatch(value, '%S+') do
list[#list + 1] = each == from and to or each
end
local rest = table.concat(list, ' ')
leave_run(of, from, rest)
redis.call('HSET', of.busy, place, rest)
end
function places.later(due, id)
return 'd' .. string.format('%.0f', due) .. '/' .. id
end
function places.enter(of, key, delivery)
local place = places.free(of, key)
if not place then
places.queue(of, key, delivery)
return
end
delivery.k = place
places.take(of, place, 'r' .. entry.put_ready(of.ready, delivery))
end
function places.delayed_location(of, delivery)
local location
for each in string.gmatch(places.get(of, delivery.k) or '', '%S+') do
location = string.match(each, '^d%d+/(.*)$') == delivery.i and each or location
end
return location
end
function places.leave_delayed(of, delivery)
local location = places.delayed_location(of, delivery)
if location then
places.leave(of, delivery.k, location, 1)
end
end
function places.due(of, delivery)
local location = delivery.k and places.delayed_location(of, delivery)
if location then
places.move(of, delivery.k, location, 'r' .. entry.put_ready(of.ready, delivery))
elseif delivery.q or delivery.k then
places.enter(of, delivery.q or places.key_of(delivery.k), delivery)
else
entry.put_ready(of.ready, delivery)
end
end
local function has_earlier(of, key, id)
local found = redis.call('ZRANGE', of.queued, '[' .. key .. '\\0', '(' .. members.prefix(key, id), 'BYLEX', 'LIMIT', 0, 1)
return found[1] ~= nil
end
function places.give_back(of, delivery, location)
local place = delivery.k
local key, value = places.key_of(place), places.get(of, place)
if not places.is_in(value, location) then
places.enter(of, key, delivery)
elseif places.follows(value, location) or has_earlier(of, key, delivery.i) then
places.queue(of, key, delivery)
places.leave(of, place, location, 1)
else
places.move(of, place, location, 'r' .. entry.put_ready(of.ready, delivery))
end
end
function places.dissolve(of, run)
for _, position in ipairs(places.positions(of, run)) do
local delivery = entry.read_ready(of.ready, position)
if delivery and delivery.k then
places.give_back(of, delivery, 'r' .. position)
end
end
redis.call('XDEL', of.ready, run)
end
function places.bury(of, delivery, location, position, stops)
if stops then
places.move(of, delivery.k, location, 'x' .. position)
else
places.leave(of, delivery.k, location, 1)
end
end
local ordered = { wrong = nil, add = nil, is_queued = nil }
local function places_of(stream)
stream.held = stream.held or places.open(stream.busy, stream.queued, nil, stream.places)
return stream.held
end
function ordered.wrong(stream)
return places.wrong(places_of(stream))
end
function ordered.is_queued(stream, key, id)
return places.is_queued(places_of(stream), key, id)
end
function ordered.add(stream, key, payload, trace, own)
local of = places_of(stream)
local place = places.free(of, key)
if not place then
local id = reserve(stream)
if type(id) == 'table' then
return id
end
redis.call('HINCRBY', of.busy, '', 1)
places.queue(of, key, { i = id, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil, o = own ~= '' and own or nil })
return id
end
local id
if trace == '' and own == '' then
id = redis.pcall('XADD', stream.key, '*', 'd', payload, 'k', place)
else
local add = { 'XADD', stream.key, '*', 'd', payload }
for _, field in ipairs({ { 't', trace }, { 'o', own }, { 'k', place } }) do
if field[2] ~= '' then
add[#add + 1] = field[1]
add[#add + 1] = field[2]
end
end
id = redis.pcall(unpack(add))
end
if type(id) ~= 'table' then
places.take(of, place, 'm' .. id)
end
return id
end
return ordered
end
local function load_tagging()
local function allowed(command, key)
if command == 'XGROUP' then
return redis.acl_check_cmd(command, 'CREATE', key, '1', '1')
elseif command == 'XINFO' then
return redis.acl_check_cmd(command, 'STREAM', key, '1', '1')
elseif command == 'EXISTS' or command == 'DEL' or command == 'UNLINK' then
return redis.acl_check_cmd(command, key)
end
return redis.acl_check_cmd(command, key, '1', '1', '1', '1')
end
local function denied(commands, key, asked)
for at = 1, #commands do
local command = commands[at]
if not asked[command] then
if not allowed(command, key) then
return { err = "NOPERM the user may not run '" .. string.lower(command) .. "'" }
end
asked[command] = true
end
end
end
local tagging = { open = nil, wrong = nil, put = nil, replace = nil }
local MOST, MOST_TAGS = 64, 8
function tagging.open(key, limits)
local entries, age = string.match(limits, '(%d+) (%d+)')
local step = math.min(MOST, math.ceil(entries / 16))
return { key = key, entries = tonumber(entries), age = tonumber(age), step = step, count = nil, fresh = true }
end
function tagging.wrong(of)
local count = redis.pcall('ZCOUNT', of.key, '0', '0')
if type(count) == 'table' then
return count
end
of.count = count
return denied({ 'ZADD', 'ZREM', 'ZRANGE', 'PEXPIRE' }, of.key, {})
end
local function members(command, place, tags, scored)
command[#command + 1] = scored and '0' or nil
command[#command + 1] = '\\1' .. place .. tags
local count = 0
for tag in string.gmatch(tags, '\\1([^\\1]+)') do
count = count + 1
if count > MOST_TAGS then
break
end
command[#command + 1] = scored and '1' or nil
command[#command + 1] = tag .. '\\1' .. place
end
return command
end
local function oldest(of, most)
return redis.call('ZRANGE', of.key, '0', '0', 'BYSCORE', 'LIMIT', 0, most)
end
local function is_old(of, record)
return tonumber(string.match(record, '^\\1%a(%d+)') or 0) < now / 1000 - of.age
end
local function remove(of, records, must_go)
local command = { 'ZREM', of.key }
for _, record in ipairs(records) do
if not must_go(record) then
break
end
local place, tags = string.match(record, '^\\1([^\\1]*)(.*)$')
if place then
members(command, place, tags)
else
command[#command + 1] = record
end
of.count = of.count - 1
end
if #command > 2 then
redis.call(unpack(command))
end
end
function tagging.put(of, id, tags)
redis.call(unpack(members({ 'ZADD', of.key }, sortable(id), tags, true)))
of.count = of.count + 1
local fresh = of.fresh
if fresh then
of.fresh = false
redis.call('PEXPIRE', of.key, of.age)
end
if of.count - of.entries >= of.step or fresh and is_old(of, oldest(of, 1)[1]) then
remove(of, oldest(of, MOST), function(record)
return of.count > of.entries or is_old(of, record)
end)
end
end
function tagging.replace(of, id, tags)
local begin = '\\1' .. sortable(id) .. '\\1'
local records = redis.call('ZRANGE', of.key, '[' .. begin, '(\\1' .. sortable(id) .. '\\2', 'BYLEX', 'LIMIT', 0, 1)
remove(of, records, function()
return true
end)
if tags ~= '' then
tagging.put(of, id, tags)
end
end
return tagging
end
local append = { open = nil, prepare = nil, apply = nil, wrong = nil, split = nil, retag = nil }
local EVERY, LARGE = 64, 2048
function append.open(keys, from, limits)
local queue, most, entries, bytes, age, lossy, declare, names, tagged =
string.match(limits, '(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) ?([^;]*);?(.*)')
local ordered = queue ~= '0' and queue ~= '1' and load_ordered() or nil
local tagging = tagged ~= '' and load_tagging() or nil
return {
key = keys[from],
queue = queue ~= '0',
ordered = ordered,
busy = keys[from + 1],
queued = keys[from + 2],
tagging = tagging,
tags = tagging and tagging.open(keys[from + (ordered and 3 or 1)], tagged),
places = queue - 1,
last = nil,
most = tonumber(most),
counts = queue ~= '1' or most ~= '0',
entries = tonumber(entries),
bytes = tonumber(bytes),
age = tonumber(age),
lossy = lossy == '1',
declares = declare == '1',
names = names,
length = nil,
backlog = nil,
prepared = 0,
fresh = true,
bounds = nil,
count = nil,
put = nil,
}
end
local function limits_of(stream)
stream.bounds = stream.bounds or load_limits()
return stream.bounds
end
local function backlog_of(stream)
return stream.queue and stream.length or limits_of(stream).backlog(stream)
end
local function declare(stream)
for name in string.gmatch(stream.names, '%S+') do
local made = redis.pcall('XGROUP', 'CREATE', stream.key, name, '0', 'MKSTREAM')
if made.err and not string.match(made.err, '^BUSYGROUP') then
return made
end
end
end
function append.wrong(stream)
return stream.ordered and stream.ordered.wrong(stream) or stream.tagging and stream.tagging.wrong(stream.tags) or nil
end
function append.split(stream, payload)
local from = stream.tagging and string.find(payload, '\\1', 1, true)
if not from then
return payload, ''
end
return string.sub(payload, 1, from - 1), string.sub(payload, from)
end
function append.retag(stream, id, tags)
if stream.tagging then
stream.tagging.replace(stream.tags, id, tags)
end
end
function append.prepare(stream)
if not stream.length then
local length = redis.pcall('XLEN', stream.key)
if type(length) == 'table' then
return length
end
if stream.ordered or stream.tagging then
local wrong = append.wrong(stream)
if wrong then
return wrong
end
length = stream.ordered and length + redis.call('ZCARD', stream.queued) or length
end
if stream.count then
local more = stream.count()
if type(more) == 'table' then
return more
end
length = length + more
end
stream.length = length
stream.declares = stream.names ~= ''
and (stream.declares or (length == 0 or stream.ordered or stream.put) and redis.call('EXISTS', stream.key) == 0)
end
if stream.counts then
local most = stream.most - stream.prepared
if stream.most > 0 and stream.length >= most and backlog_of(stream) >= most then
return false
end
stream.prepared = stream.prepared + 1
end
return true
end
local function added(stream, payload)
local length = stream.length + 1
stream.length = length
if stream.backlog then
stream.backlog = stream.backlog + 1
end
if not stream.queue then
local every = #payload <= LARGE and EVERY or math.max(1, math.floor(EVERY * LARGE / #payload))
if length % every == 0 or (stream.fresh and stream.age > 0) then
local ok, trimmed = pcall(limits_of(stream).trim, stream)
stream.length = ok and length - trimmed or length
end
end
stream.fresh = false
end
function append.apply(stream, payload, trace, due)
local counts, declares = stream.counts, stream.declares
if counts then
stream.prepared = stream.prepared - 1
end
if declares then
local refused = declare(stream)
if refused then
return refused
end
stream.declares = false
end
local id, key, tags
local own = ''
if stream.tagging then
payload, tags = append.split(stream, payload)
end
if stream.ordered then
due, key = string.match(due, '^(%S*) ?(.*)$')
end
if due ~= '' then
due, own = string.match(due, '^([^;]*);?(.*)$')
end
if key and key ~= '' and due == '' then
id = stream.ordered.add(stream, key, payload, trace, own)
elseif stream.put then
id = stream.put(stream, payload, trace, due, own)
elseif trace == '' and due == '' and own == '' then
id = redis.pcall('XADD', stream.key, '*', 'd', payload)
else
local add = { 'XADD', stream.key, '*', 'd', payload }
if trace ~= '' then
add[#add + 1] = 't'
add[#add + 1] = trace
end
if due ~= '' then
add[#add + 1] = 'n'
add[#add + 1] = string.format('%.0f', due_at(due))
end
if own ~= '' then
add[#add + 1] = 'o'
add[#add + 1] = own
end
if key and key ~= '' then
add[#add + 1] = 'q'
add[#add + 1] = key
end
id = redis.pcall(unpack(add))
end
if (stream.ordered or stream.put) and type(id) == 'string' then
stream.last = id
end
if type(id) == 'table' then
if declares then
error(id)
end
return id
end
if tags and tags ~= '' then
stream.tagging.put(stream.tags, id, tags)
end
if counts then
added(stream, payload)
end
return id
end`, piece145, piece146, piece147, `local of = KEYS
local limits = ARGV[1]
local group = ARGV[2]
local workers = ARGV[3]
local queue, ready, lows, delayed, counted, results, ends = of[1], of[2], of[3], of[4], of[5], of[6], of[7]
local stream = append.open({ queue, of[8] }, 1, limits)
local wrong = typed(ready, 'stream') or typed(lows, 'zset') or typed(delayed, 'zset') or typed(counted, 'hash')
local is_low
local announced = false
local others, has_low
function stream.count()
return redis.call('XLEN', ready) + redis.call('ZCARD', lows)
end
local function put_low(delivery)
if has_low == nil then
has_low = redis.call('EXISTS', lows) == 1
others = others or has_low or waits(ready, group) or waits(queue, group)
end
if not others then
entry.put_ready(ready, delivery)
return
end
low.put(lows, delivery)
if not has_low then
has_low = true
redis.pcall('SPUBLISH', workers, 'l')
end
end
local function put_delayed(delivery, time)
entry.put_delayed(delayed, delivery, time)
if not announced then
announced = true
redis.pcall('SPUBLISH', workers, '')
end
end
function stream.put(into, payload, trace, due, own)
local id = reserve(into)
if type(id) == 'table' then
return id
end
local delivery = { i = id, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil, o = own ~= '' and own or nil }
if due ~= '' then
put_delayed(delivery, due_at(due))
elseif is_low then
put_low(delivery)
others = true
else
entry.put_ready(ready, delivery)
others = true
end
redis.call('HINCRBY', counted, '', 1)
return id
end
local function known_id(added, unique_id)
if unique_id ~= '' then
return unique.known(results, ends, unique_id)
end
local known = redis.call('GET', added)
if known then
redis.call('SET', added, known, 'KEEPTTL')
end
return known
end
local items = (#ARGV - 3) / 6
if items == 1 then
local added, payload, trace, due, unique_id, window, priority = KEYS[#KEYS - items * 1 + 1], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
do`, piece148, `end
return nil
end
local function item(added, payload, trace, due, unique_id, window, priority)`, piece148, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 1 + done * 1
local arg = 3 + done * 6
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4], ARGV[arg + 5], ARGV[arg + 6])`, piece6),
}

/**
 * Append an entry to a work queue with one group, unless one with the same dedup id is unfinished.
 *
 * Invariant: of the adds with one dedup id at most one entry is unfinished: waiting, queued, delayed, running or retrying. The entry has the
 * id among its own terms, and the script that ends it frees the id (outcomes.lua): when it is done, a dead letter, cancelled or cleared. If
 * the entry was deleted by hand, the id is free after `bound`. The invariant of `stream/add` too.
 * If a process dies before a script, nothing changed; after it, the entry and its id are both there, or both gone.
 *
 * - shared keys `of`: the stream; with order by key also its places, see lua/_lib/stream/places.lua; with tags last their index, see tagging.lua
 * - shared `limits`: limits of the stream, see lua/_lib/stream/append.lua
 * - key `results`: hash of lua/_lib/stream/outcomes.lua
 * - key `ends`: its sorted set
 * - `id`: u and the digits of the dedup id, which are among the entry's own terms
 * - `payload`: JSON text, and its tags, see lua/_lib/stream/append.lua
 * - `trace`: traceparent, or empty
 * - `due`: earliest time to handle it: milliseconds since 1970, +milliseconds from now, or empty; then a semicolon and its own terms (entry.lua), and a space and the key, if any
 * - `bound`: milliseconds after which the id is free in any case, counted from the time to handle it
 * - replies the entry's id, with a leading = if it was added before; null when the stream is full
 * - on a full server refused: it adds an entry
 */
export const streamAddUnfinished: Script<[of: readonly string[], limits: Arg], [results: string, ends: string, id: Arg, payload: Arg, trace: Arg, due: Arg, bound: Arg], string | null> = {
  name: 'stream/add_unfinished',
  sha: 'de0c0124dd15ce276ba9b3ff9ea0fd600a3b1c51',
  batch: 64,
  sharedKeys: true,
  shared: ["limits"],
  keys: ["results","ends"],
  args: ["id","payload","trace","due","bound"],
  returns: 'string|null',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece133, piece1, `local function load_limits()
local function earlier(a, b)
local a_time, a_number = string.match(a, '(%d+)-(%d+)')
local b_time, b_number = string.match(b, '(%d+)-(%d+)')
if a_time == b_time then
a_time, b_time = a_number, b_number
end
if #a_time ~= #b_time then
return #a_time < #b_time
end
return a_time < b_time
end
local MOST = '18446744073709551615'
local DIGITS = 9
local function plus_one(digits)
local head = string.sub(digits, 1, -DIGITS - 1)
local tail = string.format('%.0f', string.sub(digits, -DIGITS) + 1)
if head == '' then
return tail
end
if #tail > DIGITS then
return string.format('%.0f', head + 1) .. string.rep('0', DIGITS)
end
return head .. string.rep('0', DIGITS - #tail) .. tail
end
local function following(id)
local time, number = string.match(id, '(%d+)-(%d+)')
if number ~= MOST then
return time .. '-' .. plus_one(number)
end
return time == MOST and id or plus_one(time) .. '-0'
end
local function groups(stream)
local found = {}
for at, fields in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
local group = {}
for field = 1, #fields, 2 do
group[fields[field]] = fields[field + 1]
end
found[at] = group
end
return found
end
local function ids(stream, first, last, most)
local found, bytes = {}, 0
for step = 1, most do
local count = math.min(step == 1 and 4 or 16, most - #found)
if count <= 0 or bytes >= 262144 then
return found, false
end
local page = redis.call('XRANGE', stream, first, last, 'COUNT', count)
for _, entry in ipairs(page) do
found[#found + 1] = entry[1]
for _, text in ipairs(entry[2]) do
bytes = bytes + #text
end
end
if #page < count then
return found, true
end
first = '(' .. page[count][1]
end
return found, false
end
local limits = { backlog = nil, trim = nil }
local EVERY, MOST = 64, 256
local function finished(stream)
local bound
for _, group in ipairs(groups(stream)) do
local first
if group.pending > 0 then
first = redis.call('XPENDING', stream, group.name, '-', '+', 1)[1][1]
else
first = following(group['last-delivered-id'])
end
if not bound or earlier(first, bound) then
bound = first
end
end
return bound
end
function limits.backlog(stream)
if not stream.backlog then
local most = 0
for _, group in ipairs(stream.length > 0 and groups(stream.key) or {}) do
most = math.max(most, group.lag and group.lag + group.pending or stream.length)
end
stream.backlog = most
end
return stream.backlog
end
local function note_missed(stream, list, at)
local final = list[at - 1]
for _, group in ipairs(groups(stream.key)) do
local missed = 0
for before = at - 1, 1, -1 do
if not earlier(group['last-delivered-id'], list[before]) then
break
end
missed = missed + 1
end
if group.pending > 0 then
missed = missed + #redis.call('XPENDING', stream.key, group.name, list[1], final, at - 1)
end
if missed > 0 then
stream.missed[group.name] = (stream.missed[group.name] or 0) + missed
end
end
end
function limits.trim(stream)
local key, age = stream.key, stream.age
local bound = not stream.lossy and finished(key) or nil
local over = stream.entries > 0 and stream.length - stream.entries or 0
if stream.bytes > 0 then
local bytes = redis.pcall('MEMORY', 'USAGE', key)
if type(bytes) == 'number' and bytes > stream.bytes then
over = math.max(over, 2 * EVERY)
end
end
local oldest = age > 0 and now / 1000 - age or 0
local most = math.min(oldest > 0 and MOST or over, MOST)
if most <= 0 or (bound and not earlier(redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1][1], bound)) then
return 0
end
local list = ids(key, '-', '+', most + 1)
for at, id in ipairs(list) do
local wanted = at <= over or tonumber(string.match(id, '%d+')) < oldest
if at == #list or not wanted or (bound and not earlier(id, bound)) then
if at <= 1 then
return 0
end
if stream.lossy and stream.missed then
note_missed(stream, list, at)
end
return redis.call('XTRIM', key, 'MINID', '=', id)
end
end
return 0
end
return limits
end
local function load_ordered()
local function earlier(a, b)
local a_time, a_number = string.match(a, '(%d+)-(%d+)')
local b_time, b_number = string.match(b, '(%d+)-(%d+)')
if a_time == b_time then
a_time, b_time = a_number, b_number
end
if #a_time ~= #b_time then
return #a_time < #b_time
end
return a_time < b_time
end
local MOST = '18446744073709551615'
local DIGITS = 9
local function plus_one(digits)
local head = string.sub(digits, 1, -DIGITS - 1)
local tail = string.format('%.0f', string.sub(digits, -DIGITS) + 1)
if head == '' then
return tail
end
if #tail > DIGITS then
return string.format('%.0f', head + 1) .. string.rep('0', DIGITS)
end
return head .. string.rep('0', DIGITS - #tail) .. tail
end
local function following(id)
local time, number = string.match(id, '(%d+)-(%d+)')
if number ~= MOST then
return time .. '-' .. plus_one(number)
end
return time == MOST and id or plus_one(time) .. '-0'
end
local function reserve(stream)
if not stream.last then
local info = redis.call('XINFO', 'STREAM', stream.key)
for at = 1, #info, 2 do
if info[at] == 'last-generated-id' then
stream.last = info[at + 1]
end
end
end
local present = string.format('%.0f-0', math.floor(now / 1000))
local id = earlier(stream.last, present) and present or following(stream.last)
local done = redis.pcall('XSETID', stream.key, id)
if done.err then
return done
end
stream.last = id
return id
end
local function sortable(id)
local ms, number = string.match(id, '^(%d+)-(%d+)$')
return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end
local members = { from = nil }
function members.prefix(key, id)
return key .. '\\0' .. sortable(id) .. '\\0'
end
function members.from(key, delivery)
local more = ''
if delivery.a > 0 or delivery.f > 0 or delivery.v or delivery.o then
more = string.format('%.0f %.0f %.0f ', delivery.a, delivery.f, delivery.v or 0) .. (delivery.o or '')
end
return members.prefix(key, delivery.i) .. (delivery.t or '') .. '\\0' .. more .. '\\0' .. delivery.d
end
function members.entry(member, length)
length = length or #string.match(member, '^[^%z]*')
local ms, number, trace, more, payload =
string.match(member, '^%z%u(%d+)%u(%d+)%z([^%z]*)%z([^%z]*)%z(.*)$', length + 1)
if not ms then
return nil
end
local delivery = { i = ms .. '-' .. number, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil }
if more ~= '' then
local a, f, v, o = string.match(more, '^(%d+) (%d+) (%d+) (.*)$')
if not a then
return nil
end
delivery.a, delivery.f = tonumber(a), tonumber(f)
delivery.v = v ~= '0' and tonumber(v) or nil
delivery.o = o ~= '' and o or nil
end
return delivery
end
function members.may_run(member, length)
return string.find(member, '^%z%u%d+%u%d+%z[^%z]*%z%z', length + 1) ~= nil
end
function members.position(position)
return string.match(position, '^([^/]*)/(%d+)$')
end
function members.of_run(fields, nth)
local member = fields[1] == 'k' and fields[2 * nth + 1] == 'm' and fields[2 * nth + 2]
local delivery = member and members.entry(member)
if delivery then
delivery.k = fields[2]
end
return delivery or nil
end
local function load_members()
return members
end
local entry = {}
local function fields_of(stream, id)
local found = redis.call('XRANGE', stream, id, id)[1]
if not found then
return nil
end
local fields, named = found[2], {}
for at = 1, #fields, 2 do
named[fields[at]] = named[fields[at]] or fields[at + 1]
end
return fields, named
end
local function is_count(text)
return text and #text <= 15 and string.match(text, '^%d+$')
end
local function added(fields, named)
local names = 'd' .. (named.t and 't' or '') .. (named.n and 'n' or '') .. (named.o and 'o' or '')
.. (named.k and 'k' or named.q and 'q' or '')
for at = 1, #fields, 2 do
if fields[at] ~= string.sub(names, (at + 1) / 2, (at + 1) / 2) then
return false
end
end
return #fields == 2 * #names and (not named.n or is_count(named.n))
end
function entry.read(stream, id)
local fields, named = fields_of(stream, id)
if not fields then
return nil
end
if added(fields, named) then
return { i = id, a = 0, f = 0, d = named.d, t = named.t, n = tonumber(named.n or nil), k = named.k, q = named.q, o = named.o }
end
return { i = id, a = 0, f = 0, d = named.d or fields[2] }
end
function entry.read_ready(stream, id)
local position, nth = string.match(id, '^([^/]*)/(%d+)$')
local fields, named = fields_of(stream, position or id)
if not fields then
return nil
end
if position then
return load_members().of_run(fields, nth) or { i = '0-0', a = 0, f = 0, d = fields[2 * nth + 2] or '', foreign = true }
end
if named.k and not named.a and not named.f then
named.a, named.f = '0', '0'
end
if string.match(named.i or '', '^%d+%-%d+$') and is_count(named.a) and is_count(named.f) and named.d then
local v = is_count(named.v) and tonumber(named.v) or nil
local k = not named.g and named.k or nil
return { i = named.i, a = tonumber(named.a), f = tonumber(named.f), d = named.d, t = named.t, v = v, k = k, q = named.q, o = named.o }
end
return { i = '0-0', a = 0, f = 0, d = named.d or fields[2], foreign = true }
end
function entry.put_ready(ready, delivery)
if delivery.foreign then
return redis.call('XADD', ready, '*', 'd', delivery.d)
end
local place = delivery.k
if place and delivery.f == 0 and delivery.a == 0 and not delivery.t and not delivery.v and not delivery.o then
return redis.call('XADD', ready, '*', 'i', delivery.i, 'd', delivery.d, 'k', place)
end
local add = { 'XADD', ready, '*', 'i', delivery.i, 'a', delivery.a, 'f', delivery.f, 'd', delivery.d }
for _, name in ipairs({ 't', 'v', 'k', 'o' }) do
if delivery[name] then
add[#add + 1] = name
add[#add + 1] = delivery[name]
end
end
return redis.call(unpack(add))
end
function entry.put_delayed(delayed, delivery, due)
local fields = { delivery.i, delivery.a, delivery.f, delivery.d, delivery.t }
if delivery.k or delivery.q or delivery.o or delivery.v then
fields[5], fields[6], fields[7], fields[8] = delivery.t or '', delivery.k or '', delivery.q or '', delivery.o
end
if delivery.v then
fields[8], fields[9] = delivery.o or '', delivery.v
end
local packed = cmsgpack.pack(fields)
redis.call('ZADD', delayed, string.format('%.0f', due), packed)
return packed
end
function entry.attempts(delivery, usual)
return tonumber(delivery.o and string.match(delivery.o, 'a(%d+)') or usual)
end
function entry.give_back(ready, delayed, delivery, ms)
delivery.f = delivery.f + 1
if delivery.n and delivery.n > ms then
entry.put_delayed(delayed, delivery, delivery.n)
else
entry.put_ready(ready, delivery)
end
end
function entry.put_dead(dead, delivery, group, kind, reason)
local i, a, f, d = delivery.i, delivery.a, delivery.f, delivery.d
local add = { 'XADD', dead, '*', 'i', i, 'a', a, 'f', f, 'g', group, 'k', kind, 'e', reason, 'd', d }
local q = delivery.q or delivery.k and string.match(delivery.k, '^[^\\1]*')
for name, value in pairs({ t = delivery.t, q = q, o = delivery.o }) do
add[#add + 1] = name
add[#add + 1] = value
end
return redis.call(unpack(add))
end
function entry.unpacked(packed)
local ok, found = pcall(cmsgpack.unpack, packed)
if not ok or type(found) ~= 'table' then
return nil
end
local i, a, f, d, t, k, q, o, v = unpack(found, 1, 9)
local known = type(i) == 'string' and string.match(i, '^%d+%-%d+$') and type(a) == 'number' and type(f) == 'number'
if not known or type(d) ~= 'string' or (t ~= nil and type(t) ~= 'string') then
return nil
end
local function given(text)
return type(text) == 'string' and text ~= '' and text or nil
end
return { i = i, a = a, f = f, d = d, t = given(t), k = given(k), q = given(q), o = given(o), v = type(v) == 'number' and v or nil }
end
function entry.put_due(dead, group, packed, put)
local delivery = entry.unpacked(packed)
if delivery then
put(delivery)
else
local found = { i = '0-0', a = 0, f = 0, d = packed }
entry.put_dead(dead, found, group, 'invalid', 'a delayed entry cannot be read: something other than penknife wrote it')
end
return delivery ~= nil
end
local function expanded(value)
if not value or not string.find(value, ':', 1, true) then
return value
end
return (string.gsub(value, '(r[^/ ]*/)(%d+):(%d+)', function(run, first, last)
local all = {}
for nth = tonumber(first), tonumber(last) do
all[#all + 1] = run .. nth
end
return table.concat(all, ' ')
end))
end
local places = { open = nil }
local STEP, MOST_BYTES, SMALL, BEHIND = 4, 65536, 1024, '\\1'
function places.open(busy, queued, ready, most)
return { busy = busy, queued = queued, ready = ready, most = tonumber(most), small = false }
end
function places.wrong(of)
return typed(of.busy, 'hash') or typed(of.queued, 'zset')
end
function places.key_of(place)
return string.match(place, '^[^\\1]*')
end
local function named(key, number)
return number == 1 and key or key .. '\\1' .. number
end
function places.free(of, key)
for number = 1, of.most do
local place = named(key, number)
if redis.call('HEXISTS', of.busy, place) == 0 then
return place
end
end
end
function places.take(of, place, location)
redis.call('HSET', of.busy, place, location)
end
function places.get(of, place)
return expanded(redis.call('HGET', of.busy, place))
end
function places.first(of, place)
return string.match(places.get(of, place) or '', '^%S+')
end
function places.queue(of, key, delivery)
redis.call('ZADD', of.queued, 0, members.from(key, delivery))
end
function places.is_queued(of, key, id)
local prefix = members.prefix(key, id)
return redis.call('ZRANGE', of.queued, '[' .. prefix, '(' .. prefix .. '\\255', 'BYLEX', 'LIMIT', 0, 1)[1] ~= nil
end
function places.unqueue(of, key, delivery)
redis.call('ZREM', of.queued, members.from(key, delivery))
end
function places.queued_entry(member)
return members.entry(member)
end
function places.queued_match(id)
return '*' .. members.prefix('', id) .. '*'
end
local function first_queued(of, key, run)
local from, to = '[' .. key .. '\\0', '(' .. key .. '\\1'
local count = of.small and run or math.min(run, STEP)
local found = redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', '0', count)
of.small = found[1] and #found[1] < SMALL
if run > count and #found == count and of.small then
for _, member in ipairs(redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', count, run - count)) do
found[#found + 1] = member
end
end
return found
end
local function put_run(of, place, run)
local add = { 'XADD', of.ready, '*', 'k', place }
for at, member in ipairs(run) do
add[2 * at + 4], add[2 * at + 5] = 'm', member
end
return 'r' .. redis.call(unpack(add)) .. '/1:' .. #run
end
local function run_of(found, length)
local run, bytes = {}, 0
for at, member in ipairs(found) do
bytes = bytes + #member
if at > 1 and bytes > MOST_BYTES or not members.may_run(member, length) then
break
end
run[at] = member
end
return run, bytes
end
function places.pass_on(of, place, run, later)
local key, number = place, ''
if string.find(place, '\\1', 1, true) then
key, number = string.match(place, '^([^\\1]*)\\1(%d*)$')
end
local found = (tonumber(number) or 1) <= of.most and first_queued(of, key, run) or {}
later = later or { busy = {}, free = {}, behind = 0, alone = true }
local together, bytes = run_of(found, #key)
local locations
if together[2] then
locations = put_run(of, place, together)
later.behind = later.behind + #together - 1
redis.call('ZREM', of.queued, unpack(together))
elseif found[1] then
local delivery = members.entry(found[1], #key)
if delivery then
delivery.k = place
locations = 'r' .. entry.put_ready(of.ready, delivery)
else
entry.put_ready(of.ready, { foreign = true, d = found[1] })
end
redis.call('ZREM', of.queued, found[1])
end
if locations then
later.busy[#later.busy + 1] = place
later.busy[#later.busy + 1] = locations
else
later.free[#later.free + 1] = place
end
if later.alone then
places.done(of, later)
end
return bytes
end
local function count_behind(of, change)
if change ~= 0 and redis.call('HINCRBY', of.busy, BEHIND, change) <= 0 then
redis.call('HDEL', of.busy, BEHIND)
end
end
function places.done(of, later)
if later.busy[1] then
redis.call('HSET', of.busy, unpack(later.busy))
end
if later.free[1] then
redis.call('HDEL', of.busy, unpack(later.free))
end
count_behind(of, later.behind)
end
function places.run(location)
return string.match(location, '^(r[^/]*/)')
end
local function leave_run(of, location, rest)
local run = places.run(location)
if run and string.find(rest, run, 1, true) then
count_behind(of, -1)
end
end
function places.left(of, place, position)
local base = members.position(position)
if base and string.find(redis.call('HGET', of.busy, place) or '', 'r' .. base .. '/', 1, true) then
return nil
end
return base or position
end
function places.is_in(value, location)
return value and string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true) ~= nil
end
function places.positions(of, position)
local found = redis.call('XRANGE', of.ready, position, position)[1]
local fields = found and found[2] or {}
if fields[1] ~= 'k' or fields[3] ~= 'm' then
return { position }
end
local value, all, there = places.get(of, fields[2]), {}, {}
for nth = 1, #fields / 2 - 1 do
all[nth] = position .. '/' .. nth
if places.is_in(value, 'r' .. all[nth]) then
there[#there + 1] = all[nth]
end
end
return there[1] and there or all
end
function places.follows(value, location)
if not value or value == location then
return false
end
local at = string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true)
return at ~= nil and at > 1
end
function places.list(value)
local list = { from = 1 }
for each in string.gmatch(expanded(value) or '', '%S+') do
list[#list + 1] = each
end
return list
end
function places.shift(list, location)
if list[list.from] == location then
list.from = list.from + 1
return true
end
for at = list.from + 1, #list do
if list[at] == location then
return false
end
end
return not places.run(location)
end
function places.without(value, location)
local left = {}
for each in string.gmatch(value or '', '%S+') do
if each ~= location then
left[#left + 1] = each
end
end
return table.concat(left, ' ')
end
function places.leave(of, place, location, run)
local rest = places.without(places.get(of, place), location)
leave_run(of, location, rest)
if rest == '' then
places.pass_on(of, place, run)
else
redis.call('HSET', of.busy, place, rest)
end
end
function places.move(of, place, from, to)
local value = places.get(of, place)
if not value then
redis.call('HSET', of.busy, place, to)
return
end
local list = {}
for each in string.gmatch(value, '%S+') do
list[#list + 1] = each == from and to or each
end
local rest = table.concat(list, ' ')
leave_run(of, from, rest)
redis.call('HSET', of.busy, place, rest)
end
function places.later(due, id)
return 'd' .. string.format('%.0f', due) .. '/' .. id
end
function places.enter(of, key, delivery)
local place = places.free(of, key)
if not place then
places.queue(of, key, delivery)
return
end
delivery.k = place
places.take(of, place, 'r' .. entry.put_ready(of.ready, delivery))
end
function places.delayed_location(of, delivery)
local location
for each in string.gmatch(places.get(of, delivery.k) or '', '%S+') do
location = string.match(each, '^d%d+/(.*)$') == delivery.i and each or location
end
return location
end
function places.leave_delayed(of, delivery)
local location = places.delayed_location(of, delivery)
if location then
places.leave(of, delivery.k, location, 1)
end
end
function places.due(of, delivery)
local location = delivery.k and places.delayed_location(of, delivery)
if location then
places.move(of, delivery.k, location, 'r' .. entry.put_ready(of.ready, delivery))
elseif delivery.q or delivery.k then
places.enter(of, delivery.q or places.key_of(delivery.k), delivery)
else
entry.put_ready(of.ready, delivery)
end
end
local function has_earlier(of, key, id)
local found = redis.call('ZRANGE', of.queued, '[' .. key .. '\\0', '(' .. members.prefix(key, id), 'BYLEX', 'LIMIT', 0, 1)
return found[1] ~= nil
end
function places.give_back(of, delivery, location)
local place = delivery.k
local key, value = places.key_of(place), places.get(of, place)
if not places.is_in(value, location) then
places.enter(of, key, delivery)
elseif places.follows(value, location) or has_earlier(of, key, delivery.i) then
places.queue(of, key, delivery)
places.leave(of, place, location, 1)
else
places.move(of, place, location, 'r' .. entry.put_ready(of.ready, delivery))
end
end
function places.dissolve(of, run)
for _, position in ipairs(places.positions(of, run)) do
local delivery = entry.read_ready(of.ready, position)
if delivery and delivery.k then
places.give_back(of, delivery, 'r' .. position)
end
end
redis.call('XDEL', of.ready, run)
end
function places.bury(of, delivery, location, position, stops)
if stops then
places.move(of, delivery.k, location, 'x' .. position)
else
places.leave(of, delivery.k, location, 1)
end
end
local ordered = { wrong = nil, add = nil, is_queued = nil }
local function places_of(stream)
stream.held = stream.held or places.open(stream.busy, stream.queued, nil, stream.places)
return stream.held
end
function ordered.wrong(stream)
return places.wrong(places_of(stream))
end
function ordered.is_queued(stream, key, id)
return places.is_queued(places_of(stream), key, id)
end
function ordered.add(stream, key, payload, trace, own)
local of = places_of(stream)
local place = places.free(of, key)
if not place then
local id = reserve(stream)
if type(id) == 'table' then
return id
end
redis.call('HINCRBY', of.busy, '', 1)
places.queue(of, key, { i = id, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil, o = own ~= '' and own or nil })
return id
end
local id
if trace == '' and own == '' then
id = redis.pcall('XADD', stream.key, '*', 'd', payload, 'k', place)
else
local add = { 'XADD', stream.key, '*', 'd', payload }
for _, field in ipairs({ { 't', trace }, { 'o', own }, { 'k', place } }) do
if field[2] ~= '' then
add[#add + 1] = field[1]
add[#add + 1] = field[2]
end
end
id = redis.pcall(unpack(add))
end
if type(id) ~= 'table' then
places.take(of, place, 'm' .. id)
end
return id
end
return ordered
end
local function load_tagging()
local function allowed(command, key)
if command == 'XGROUP' then
return redis.acl_check_cmd(command, 'CREATE', key, '1', '1')
elseif command == 'XINFO' then
return redis.acl_check_cmd(command, 'STREAM', key, '1', '1')
elseif command == 'EXISTS' or command == 'DEL' or command == 'UNLINK' then
return redis.acl_check_cmd(command, key)
end
return redis.acl_check_cmd(command, key, '1', '1', '1', '1')
end
local function denied(commands, key, asked)
for at = 1, #commands do
local command = commands[at]
if not asked[command] then
if not allowed(command, key) then
return { err = "NOPERM the user may not run '" .. string.lower(command) .. "'" }
end
asked[command] = true
end
end
end
local function sortable(id)
local ms, number = string.match(id, '^(%d+)-(%d+)$')
return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end
local tagging = { open = nil, wrong = nil, put = nil, replace = nil }
local MOST, MOST_TAGS = 64, 8
function tagging.open(key, limits)
local entries, age = string.match(limits, '(%d+) (%d+)')
local step = math.min(MOST, math.ceil(entries / 16))
return { key = key, entries = tonumber(entries), age = tonumber(age), step = step, count = nil, fresh = true }
end
function tagging.wrong(of)
local count = redis.pcall('ZCOUNT', of.key, '0', '0')
if type(count) == 'table' then
return count
end
of.count = count
return denied({ 'ZADD', 'ZREM', 'ZRANGE', 'PEXPIRE' }, of.key, {})
end
local function members(command, place, tags, scored)
command[#command + 1] = scored and '0' or nil
command[#command + 1] = '\\1' .. place .. tags
local count = 0
for tag in string.gmatch(tags, '\\1([^\\1]+)') do
count = count + 1
if count > MOST_TAGS then
break
end
command[#command + 1] = scored and '1' or nil
command[#command + 1] = tag .. '\\1' .. place
end
return command
end
local function oldest(of, most)
return redis.call('ZRANGE', of.key, '0', '0', 'BYSCORE', 'LIMIT', 0, most)
end
local function is_old(of, record)
return tonumber(string.match(record, '^\\1%a(%d+)') or 0) < now / 1000 - of.age
end
local function remove(of, records, must_go)
local command = { 'ZREM', of.key }
for _, record in ipairs(records) do
if not must_go(record) then
break
end
local place, tags = string.match(record, '^\\1([^\\1]*)(.*)$')
if place then
members(command, place, tags)
else
command[#command + 1] = record
end
of.count = of.count - 1
end
if #command > 2 then
redis.call(unpack(command))
end
end
function tagging.put(of, id, tags)
redis.call(unpack(members({ 'ZADD', of.key }, sortable(id), tags, true)))
of.count = of.count + 1
local fresh = of.fresh
if fresh then
of.fresh = false
redis.call('PEXPIRE', of.key, of.age)
end
if of.count - of.entries >= of.step or fresh and is_old(of, oldest(of, 1)[1]) then
remove(of, oldest(of, MOST), function(record)
return of.count > of.entries or is_old(of, record)
end)
end
end
function tagging.replace(of, id, tags)
local begin = '\\1' .. sortable(id) .. '\\1'
local records = redis.call('ZRANGE', of.key, '[' .. begin, '(\\1' .. sortable(id) .. '\\2', 'BYLEX', 'LIMIT', 0, 1)
remove(of, records, function()
return true
end)
if tags ~= '' then
tagging.put(of, id, tags)
end
end
return tagging
end
local append = { open = nil, prepare = nil, apply = nil, wrong = nil, split = nil, retag = nil }
local EVERY, LARGE = 64, 2048
function append.open(keys, from, limits)
local queue, most, entries, bytes, age, lossy, declare, names, tagged =
string.match(limits, '(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) ?([^;]*);?(.*)')
local ordered = queue ~= '0' and queue ~= '1' and load_ordered() or nil
local tagging = tagged ~= '' and load_tagging() or nil
return {
key = keys[from],
queue = queue ~= '0',
ordered = ordered,
busy = keys[from + 1],
queued = keys[from + 2],
tagging = tagging,
tags = tagging and tagging.open(keys[from + (ordered and 3 or 1)], tagged),
places = queue - 1,
last = nil,
most = tonumber(most),
counts = queue ~= '1' or most ~= '0',
entries = tonumber(entries),
bytes = tonumber(bytes),
age = tonumber(age),
lossy = lossy == '1',
declares = declare == '1',
names = names,
length = nil,
backlog = nil,
prepared = 0,
fresh = true,
bounds = nil,
count = nil,
put = nil,
}
end
local function limits_of(stream)
stream.bounds = stream.bounds or load_limits()
return stream.bounds
end
local function backlog_of(stream)
return stream.queue and stream.length or limits_of(stream).backlog(stream)
end
local function declare(stream)
for name in string.gmatch(stream.names, '%S+') do
local made = redis.pcall('XGROUP', 'CREATE', stream.key, name, '0', 'MKSTREAM')
if made.err and not string.match(made.err, '^BUSYGROUP') then
return made
end
end
end
function append.wrong(stream)
return stream.ordered and stream.ordered.wrong(stream) or stream.tagging and stream.tagging.wrong(stream.tags) or nil
end
function append.split(stream, payload)
local from = stream.tagging and string.find(payload, '\\1', 1, true)
if not from then
return payload, ''
end
return string.sub(payload, 1, from - 1), string.sub(payload, from)
end
function append.retag(stream, id, tags)
if stream.tagging then
stream.tagging.replace(stream.tags, id, tags)
end
end
function append.prepare(stream)
if not stream.length then
local length = redis.pcall('XLEN', stream.key)
if type(length) == 'table' then
return length
end
if stream.ordered or stream.tagging then
local wrong = append.wrong(stream)
if wrong then
return wrong
end
length = stream.ordered and length + redis.call('ZCARD', stream.queued) or length
end
if stream.count then
local more = stream.count()
if type(more) == 'table' then
return more
end
length = length + more
end
stream.length = length
stream.declares = stream.names ~= ''
and (stream.declares or (length == 0 or stream.ordered or stream.put) and redis.call('EXISTS', stream.key) == 0)
end
if stream.counts then
local most = stream.most - stream.prepared
if stream.most > 0 and stream.length >= most and backlog_of(stream) >= most then
return false
end
stream.prepared = stream.prepared + 1
end
return true
end
local function added(stream, payload)
local length = stream.length + 1
stream.length = length
if stream.backlog then
stream.backlog = stream.backlog + 1
end
if not stream.queue then
local every = #payload <= LARGE and EVERY or math.max(1, math.floor(EVERY * LARGE / #payload))
if length % every == 0 or (stream.fresh and stream.age > 0) then
local ok, trimmed = pcall(limits_of(stream).trim, stream)
stream.length = ok and length - trimmed or length
end
end
stream.fresh = false
end
function append.apply(stream, payload, trace, due)
local counts, declares = stream.counts, stream.declares
if counts then
stream.prepared = stream.prepared - 1
end
if declares then
local refused = declare(stream)
if refused then
return refused
end
stream.declares = false
end
local id, key, tags
local own = ''
if stream.tagging then
payload, tags = append.split(stream, payload)
end
if stream.ordered then
due, key = string.match(due, '^(%S*) ?(.*)$')
end
if due ~= '' then
due, own = string.match(due, '^([^;]*);?(.*)$')
end
if key and key ~= '' and due == '' then
id = stream.ordered.add(stream, key, payload, trace, own)
elseif stream.put then
id = stream.put(stream, payload, trace, due, own)
elseif trace == '' and due == '' and own == '' then
id = redis.pcall('XADD', stream.key, '*', 'd', payload)
else
local add = { 'XADD', stream.key, '*', 'd', payload }
if trace ~= '' then
add[#add + 1] = 't'
add[#add + 1] = trace
end
if due ~= '' then
add[#add + 1] = 'n'
add[#add + 1] = string.format('%.0f', due_at(due))
end
if own ~= '' then
add[#add + 1] = 'o'
add[#add + 1] = own
end
if key and key ~= '' then
add[#add + 1] = 'q'
add[#add + 1] = key
end
id = redis.pcall(unpack(add))
end
if (stream.ordered or stream.put) and type(id) == 'string' then
stream.last = id
end
if type(id) == 'table' then
if declares then
error(id)
end
return id
end
if tags and tags ~= '' then
stream.tagging.put(stream.tags, id, tags)
end
if counts then
added(stream, payload)
end
return id
end`, piece146, `local of = KEYS
local limits = ARGV[1]
local stream = append.open(of, 1, limits)
local items = (#ARGV - 1) / 5
if items == 1 then
local results, ends, id, payload, trace, due, bound = KEYS[#KEYS - items * 2 + 1], KEYS[#KEYS - items * 2 + 2], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
do`, piece149, `end
return nil
end
local function item(results, ends, id, payload, trace, due, bound)`, piece149, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 2 + done * 2
local arg = 1 + done * 5
done = done + 1`, piece29, piece6),
}

/**
 * Publish events of a worker to all processes that watch its stream; store nothing.
 *
 * - key `channel`: pub/sub channel
 * - `events`: JSON list
 * - replies how many connections got them
 * - on a full server runs: it stores nothing
 */
export const streamAnnounce: Script<[], [channel: string, events: Arg], number> = {
  name: 'stream/announce',
  sha: '8d57e9e0ee66fe26015c28ee8596d507b28db07e',
  batch: 16,
  sharedKeys: false,
  shared: [],
  keys: ["channel"],
  args: ["events"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local items = #KEYS / 1
if items == 1 then
local channel, events = KEYS[1], ARGV[1]
do
return redis.call('SPUBLISH', channel, events)
end
return nil
end
local function item(channel, events)
return redis.call('SPUBLISH', channel, events)
end
local replies, done = {}, 0
local own = #ARGV > 1 and 1 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1])`, piece6),
}

/**
 * Check that places of keys are taken by entries that exist, and that keys with queued entries have no free place.
 *
 * Scripts keep that by themselves. It is not so after a user deleted entries or keys by hand. Invariant: a place is passed on only if its
 * first entry is in none of its locations and in no pending list. A call checks some 100 places and 20 keys of the queue, and stops after
 * some 256 KiB of entries. The caller continues at the cursor, so everything is checked sooner or later.
 *
 * - shared keys `held`: its places, see lua/_lib/stream/places.lua
 * - shared `most`: places of a key
 * - shared `group`: group
 * - key `stream`: stream
 * - key `ready`: stream of entries that the group must handle again
 * - key `delayed`: sorted set of its entries that wait for a time
 * - key `dead`: stream of its dead letters
 * - `cursor`: cursor, 0 at first
 * - `after`: key of the queue after which to continue, empty at first
 * - replies both cursors as text, and how many places were passed on
 * - on a full server runs: it makes entries ready
 */
export const streamCheckPlaces: Script<[held: readonly string[], most: Arg, group: Arg], [stream: string, ready: string, delayed: string, dead: string, cursor: Arg, after: Arg], readonly Reply[]> = {
  name: 'stream/check_places',
  sha: 'c816d1787b4642e8f092db7b2d9aa64f35335881',
  batch: 1,
  sharedKeys: true,
  shared: ["most","group"],
  keys: ["stream","ready","delayed","dead"],
  args: ["cursor","after"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece150, piece142, piece143, piece144, piece1, piece151, `local held = KEYS
local most = ARGV[1]
local group = ARGV[2]
local COUNT, KEYS_OF_QUEUE, MOST_BYTES = 100, 20, 262144
local items = (#ARGV - 2) / 2
if items == 1 then
local stream, ready, delayed, dead, cursor, after = KEYS[#KEYS - items * 4 + 1], KEYS[#KEYS - items * 4 + 2], KEYS[#KEYS - items * 4 + 3], KEYS[#KEYS - items * 4 + 4], ARGV[3], ARGV[4]
do`, piece152, `end
return nil
end
local function item(stream, ready, delayed, dead, cursor, after)`, piece152, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 4 + done * 4
local arg = 2 + done * 2
done = done + 1`, piece115, piece6),
}

/**
 * Remove the entries of a group that wait: those that no worker has, in the stream, in ready, in delayed, in
 * the queues of keys and those of low priority.
 *
 * Invariant: an entry under lease, a dead letter, and an entry that was added after the first call stay. In a work queue an entry of the
 * stream is deleted once no other group needs it. A call removes some 500 entries, or 256 KiB of them, from one place. A process that dies
 * leaves the rest as it was.
 *
 * - shared keys `held`: places of keys (lua/_lib/stream/places.lua), then results and their times (lua/_lib/stream/outcomes.lua), then the entries of low priority (low.lua)
 * - shared `most`: places of a key; 0 without order
 * - shared `group`: group
 * - shared `channels`: prefix of the pub/sub channels of outcomes
 * - shared `declared`: groups of a work queue, separated by spaces; - for an event log
 * - key `stream`: stream
 * - key `ready`: stream of entries that the group must handle again
 * - key `delayed`: sorted set of its entries that wait for a time
 * - `last`: id of the last entry to remove; empty for the last one of the stream
 * - `place`: where to continue: queued (at first), delayed, low, ready or stream
 * - `from`: position at which to continue there; 0 at first
 * - replies entries removed, then last, place and from of the next call; place is empty when nothing is left
 * - on a full server runs: it deletes entries
 */
export const streamClear: Script<[held: readonly string[], most: Arg, group: Arg, channels: Arg, declared: Arg], [stream: string, ready: string, delayed: string, last: Arg, place: Arg, from: Arg], readonly Reply[]> = {
  name: 'stream/clear',
  sha: 'b14a67147e7f520b4abe07e8cd37008e3696b9be',
  batch: 1,
  sharedKeys: true,
  shared: ["most","group","channels","declared"],
  keys: ["stream","ready","delayed"],
  args: ["last","place","from"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece49, piece37, piece137, piece36, piece153, piece154, piece142, piece143, piece144, piece145, `local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece155, piece1, piece156, `local held = KEYS
local most = ARGV[1]
local group = ARGV[2]
local channels = ARGV[3]
local declared = ARGV[4]
local STEP, MOST_BYTES = 500, 262144
local NEXT = { queued = 'delayed', delayed = 'low', low = 'ready', ready = 'stream', stream = '' }
local items = (#ARGV - 4) / 3
if items == 1 then
local stream, ready, delayed, last, place, from = KEYS[#KEYS - items * 3 + 1], KEYS[#KEYS - items * 3 + 2], KEYS[#KEYS - items * 3 + 3], ARGV[5], ARGV[6], ARGV[7]
do`, piece157, `end
return nil
end
local function item(stream, ready, delayed, last, place, from)`, piece157, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 3 + done * 3
local arg = 4 + done * 3
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`, piece6),
}

/**
 * Drop a group that has no live worker, with its retries, delayed entries, dead letters and outcomes.
 *
 * Invariant: a group is not changed if one of its workers sent a command within `quiet`. The drop is one script, so a process that
 * dies leaves it done or not done.
 *
 * - shared keys `held`: places of keys (lua/_lib/stream/places.lua), then results and their times (lua/_lib/stream/outcomes.lua), then the entries of low priority (low.lua)
 * - key `stream`: stream
 * - key `ready`: stream of entries that the group must handle again
 * - key `delayed`: sorted set of its entries that wait for a time
 * - key `dead`: stream of its dead letters
 * - key `paused`: exists while the group is paused
 * - `group`: group
 * - `quiet`: milliseconds
 * - replies 1 when it was dropped, 0 when it did not exist; the name of a consumer that is still alive
 * - on a full server runs: it deletes the group's keys
 */
export const streamDrop: Script<[held: readonly string[]], [stream: string, ready: string, delayed: string, dead: string, paused: string, group: Arg, quiet: Arg], number | string> = {
  name: 'stream/drop',
  sha: '1bc82302438b6b511f4010f80383fb5b2e49536b',
  batch: 1,
  sharedKeys: true,
  shared: [],
  keys: ["stream","ready","delayed","dead","paused"],
  args: ["group","quiet"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece36, piece1, `local held = KEYS
local function has(key, group)
for _, found in ipairs(redis.call('EXISTS', key) == 1 and groups(key) or {}) do
if found.name == group then
return true
end
end
return false
end
local items = (#ARGV - 0) / 2
if items == 1 then
local stream, ready, delayed, dead, paused, group, quiet = KEYS[#KEYS - items * 5 + 1], KEYS[#KEYS - items * 5 + 2], KEYS[#KEYS - items * 5 + 3], KEYS[#KEYS - items * 5 + 4], KEYS[#KEYS - items * 5 + 5], ARGV[1], ARGV[2]
do`, piece158, `end
return nil
end
local function item(stream, ready, delayed, dead, paused, group, quiet)`, piece158, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 5 + done * 5
local arg = 0 + done * 2
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], KEYS[key + 4], KEYS[key + 5], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Delete an entry of an event log.
 *
 * Invariant: afterwards the stream has no entry with this id. A copy that a group has to handle again, and its dead letters, stay.
 *
 * - key `stream`: stream
 * - `id`: id of the entry
 * - replies 1 when it was there
 * - on a full server runs: deleting frees memory
 */
export const streamErase: Script<[], [stream: string, id: Arg], number> = {
  name: 'stream/erase',
  sha: '7c12f0cd6e71c429f49fbf85708178c2d1e5223e',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["stream"],
  args: ["id"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local items = #KEYS / 1
if items == 1 then
local stream, id = KEYS[1], ARGV[1]
do
return redis.pcall('XDEL', stream, id)
end
return nil
end
local function item(stream, id)
return redis.pcall('XDEL', stream, id)
end
local replies, done = {}, 0
local own = #ARGV > 1 and 1 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1])`, piece6),
}

/**
 * Fetch entries for a worker from all its sources, without waiting, for workers that share connections.
 *
 * When no new entry is left for the group, the reply has the ids after which the worker waits: of each source the last id that the
 * group was given, read in the same step.
 *
 * Invariant: an entry that is added after this call has a higher id than the one of its source in the reply, so an XREAD after these
 * ids returns at once if there is one. If the process dies or the reply is lost, the entries are pending for the consumer: the worker
 * reads them again (`from`), or another takes them over when their lease ends.
 *
 * - shared keys `sources`: streams, in the order in which they are read
 * - shared `group`: group
 * - shared `consumer`: name of the worker's consumer
 * - `count`: most entries of each source
 * - `from`: empty for new entries; or an id of each source, separated by spaces: entries after them that are pending for the consumer
 * - replies null when there may be more new entries, otherwise the last id of each source; then the reply of XREADGROUP
 * - on a full server runs: as XREADGROUP does; without it a full server is not drained
 */
export const streamFetch: Script<[sources: readonly string[], group: Arg, consumer: Arg], [count: Arg, from: Arg], readonly Reply[]> = {
  name: 'stream/fetch',
  sha: '9ca64b8dccd2aef9f859a59be2e6649f7e07572a',
  batch: 1,
  sharedKeys: true,
  shared: ["group","consumer"],
  keys: [],
  args: ["count","from"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece36, `local sources = KEYS
local group = ARGV[1]
local consumer = ARGV[2]
local function last_of(key, full)
for _, found in ipairs(groups(key)) do
if found.name == group then
return (not full or found.lag == 0) and found['last-delivered-id'] or nil
end
end
end
local function last_ids(found, count)
local entries, ids = {}, {}
for _, of in ipairs(found or {}) do
entries[of[1]] = #of[2]
end
for at, key in ipairs(sources) do
ids[at] = last_of(key, entries[key] == count)
if not ids[at] then
return false
end
end
return ids
end
local items = (#ARGV - 2) / 2
if items == 1 then
local count, from = ARGV[3], ARGV[4]
do`, piece159, `end
return nil
end
local function item(count, from)`, piece159, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 2 + done * 2
done = done + 1
local reply = item(ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Delete the consumers of processes that died.
 *
 * Invariant: a consumer is deleted only when no entry is pending for it, because Redis would drop its pending entries. The next
 * read of a worker that is alive after all creates its consumer again. A call deletes at most 100 consumers of each stream.
 *
 * - key `stream`: stream
 * - key `ready`: stream of entries that the group must handle again
 * - `group`: group
 * - `silent`: milliseconds without a command
 * - replies consumers that were deleted
 * - on a full server runs: it deletes consumers
 */
export const streamForgetConsumers: Script<[], [stream: string, ready: string, group: Arg, silent: Arg], number> = {
  name: 'stream/forget_consumers',
  sha: '678d6ce36a7b5f905f11c77495b68f7d400989bf',
  batch: 1,
  sharedKeys: false,
  shared: [],
  keys: ["stream","ready"],
  args: ["group","silent"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece1, `local MOST = 100
local items = #KEYS / 2
if items == 1 then
local stream, ready, group, silent = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
do`, piece160, `end
return nil
end
local function item(stream, ready, group, silent)`, piece160, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 2
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Pause a group for some time, in all processes.
 *
 * A pause that an operator made, or a longer one, stays. A worker that does not get the message notices within ten seconds.
 *
 * - key `paused`: exists while the group is paused; its value is the time of the pause
 * - `lasts`: milliseconds
 * - `channel`: pub/sub channel, in the same slot, that the group's workers follow, p for a pause; not a key, because it never exists
 * - replies 1 when this changed the end of the pause
 * - on a full server runs: pausing takes load off the server; one short key with a TTL for each group
 */
export const streamHold: Script<[], [paused: string, lasts: Arg, channel: Arg], number> = {
  name: 'stream/hold',
  sha: 'b61b567174c316a75995ce7239c453850d11ef15',
  batch: 16,
  sharedKeys: false,
  shared: [],
  keys: ["paused"],
  args: ["lasts","channel"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local items = #KEYS / 1
if items == 1 then
local paused, lasts, channel = KEYS[1], ARGV[1], ARGV[2]
do`, piece161, `end
return nil
end
local function item(paused, lasts, channel)`, piece161, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Give back the entries that are still pending for a worker that closes, and delete its consumer when none is left.
 *
 * Those entries were in a reply that the worker did not read. Invariant: a consumer is deleted only when no entry is pending for it.
 * A call gives back at most 100 entries of each stream, or some 256 KiB.
 *
 * - shared keys `held`: with order by key its places, see lua/_lib/stream/places.lua
 * - shared `group`: group
 * - shared `consumer`: name of the worker's consumer
 * - shared `declared`: groups of a work queue, separated by spaces; - for an event log
 * - key `stream`: stream
 * - key `ready`: stream of entries that the group must handle again
 * - key `delayed`: sorted set of its entries that wait for a time
 * - key `settled`: string: number and reply of the worker's last batch
 * - `most`: places of a key; 0 without order
 * - replies entries given back: 0 when none is left
 * - on a full server runs: without it these entries wait until their lease ends; it moves entries and deletes a consumer
 */
export const streamLeave: Script<[held: readonly string[], group: Arg, consumer: Arg, declared: Arg], [stream: string, ready: string, delayed: string, settled: string, most: Arg], number> = {
  name: 'stream/leave',
  sha: '0fdda92f09bd2eb504e078ecff9da6182b5bcf1a',
  batch: 1,
  sharedKeys: true,
  shared: ["group","consumer","declared"],
  keys: ["stream","ready","delayed","settled"],
  args: ["most"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece49, piece137, piece36, piece153, piece154, piece139, piece1, piece162, `local held = KEYS
local group = ARGV[1]
local consumer = ARGV[2]
local declared = ARGV[3]
local MOST, MOST_BYTES = 100, 262144
local items = (#ARGV - 3) / 1
if items == 1 then
local stream, ready, delayed, settled, most = KEYS[#KEYS - items * 4 + 1], KEYS[#KEYS - items * 4 + 2], KEYS[#KEYS - items * 4 + 3], KEYS[#KEYS - items * 4 + 4], ARGV[4]
do`, piece163, `end
return nil
end
local function item(stream, ready, delayed, settled, most)`, piece163, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 4 + done * 4
local arg = 3 + done * 1
done = done + 1`, piece68, piece6),
}

/**
 * Find an entry of a work queue with one group, and cancel it or change its time if it is unfinished.
 *
 * Invariant: an entry that was cancelled is in no place of its group, and its worker, if any, has lost its lease: whatever that worker sends is
 * refused. So of a cancel and a finish at the same moment one happens, and both callers learn which. An entry that got another time is in one
 * place of its group, and keeps its place of a key, if it has one.
 * A call reads some 2,000 members of delayed and of the queues of keys, and 256 KiB of ready and of the dead letters. The caller continues
 * at the cursor; an entry that moves meanwhile may be missed.
 *
 * - shared keys `held`: places of keys (lua/_lib/stream/places.lua), then results and their times (lua/_lib/stream/outcomes.lua), then the entries of low priority (low.lua), then the key that exists while the group is paused
 * - shared `most`: places of a key; 0 without order
 * - shared `group`: group
 * - shared `channels`: prefix of the pub/sub channels of outcomes
 * - shared `workers`: pub/sub channel that the group's workers follow
 * - key `stream`: stream
 * - key `ready`: stream of entries that the group must handle again
 * - key `delayed`: sorted set of its entries that wait for a time
 * - key `dead`: stream of its dead letters
 * - `id`: entry
 * - `action`: find; show: as find, and returns the payload; why: as find, and tells what may keep it from running; outcome: as find, but does not search for the dead letter if the outcome is there; cancel; or move and the new time in milliseconds since 1970, separated by a space
 * - `from`: where to look, and the cursor there: stream 0 at first; then low, queued, delayed, ready or dead
 * - replies state, 1 when the action was carried out, consumer, milliseconds since its last renewal, used attempts, time, outcome, progress, 1 when its outcome is kept, when its consumer got it; with `show` also the payload; with `why` the time, milliseconds for which the group is paused (-1: without an end, -2: not), workers that sent a command lately, consumers, and of what has the place of its key: m or r (an entry), d (one that waits for a time) or x (a dead letter), its id, time, consumer and milliseconds since its last renewal; then the payload, and 1 while it waits because of its low priority; or an empty state, and `from` of the next call
 * - on a full server runs: cancelling frees memory, and moving an entry needs hardly any
 */
export const streamLocate: Script<[held: readonly string[], most: Arg, group: Arg, channels: Arg, workers: Arg], [stream: string, ready: string, delayed: string, dead: string, id: Arg, action: Arg, from: Arg], readonly Reply[]> = {
  name: 'stream/locate',
  sha: '83d8b33ddaa2841a362a330c791d51eb052276c5',
  batch: 1,
  sharedKeys: true,
  shared: ["most","group","channels","workers"],
  keys: ["stream","ready","delayed","dead"],
  args: ["id","action","from"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece49, piece137, piece36, piece153, piece154, piece142, piece143, piece144, piece145, piece155, piece1, piece156, piece164, `local held = KEYS
local most = ARGV[1]
local group = ARGV[2]
local channels = ARGV[3]
local workers = ARGV[4]
local COUNT, ROUNDS, MOST_BYTES = 500, 4, 262144
local ALIVE_MS = 30000
local NEXT = { stream = 'low', low = 'queued', queued = 'delayed', delayed = 'ready', ready = 'dead' }
local items = (#ARGV - 4) / 3
if items == 1 then
local stream, ready, delayed, dead, id, action, from = KEYS[#KEYS - items * 4 + 1], KEYS[#KEYS - items * 4 + 2], KEYS[#KEYS - items * 4 + 3], KEYS[#KEYS - items * 4 + 4], ARGV[5], ARGV[6], ARGV[7]
do`, piece165, `end
return nil
end
local function item(stream, ready, delayed, dead, id, action, from)`, piece165, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 4 + done * 4
local arg = 4 + done * 3
done = done + 1`, piece111, piece6),
}

/**
 * Maintain a group: make due entries ready, or put them back among those of low priority, and take over entries whose lease has ended.
 *
 * An entry that is taken over becomes ready for any worker. If it has used up its attempts, it becomes a dead letter. Each worker
 * calls this at least every ten seconds, which also shows that the worker is alive.
 *
 * An entry whose worker vanished uses up an attempt only if its start was recorded (renew.lua). Workers record the start of every
 * entry that vanished before. So entries that were beside the harmful one in a process keep their attempts. An entry that kills
 * every process before the start is recorded, such as by its size, uses up attempts from the 21st time on.
 *
 * Invariant: each entry is in one place of its group before and after. A call takes at most 50 due entries and 50 from each
 * stream, or some 256 KiB of each. It checks at most 500 leases of each, and continues at the cursor of the last call.
 *
 * - shared keys `held`: places of keys (lua/_lib/stream/places.lua), then results and their times (lua/_lib/stream/outcomes.lua), then the entries of low priority (low.lua)
 * - shared `most`: places of a key; 0 without order
 * - shared `stops`: 1 when a dead letter stops its key
 * - shared `keep`: dead letters to keep, see lua/_lib/stream/keep_dead.lua
 * - shared `channels`: prefix of the pub/sub channels of outcomes
 * - shared `group`: group
 * - shared `consumer`: name of the worker's consumer
 * - shared `declared`: groups of a work queue, separated by spaces; - for an event log
 * - shared `lease`: milliseconds without a renewal after which an entry is taken over
 * - shared `attempts`: attempts before an entry without a number of its own becomes a dead letter
 * - shared `workers`: pub/sub channel that the group's workers follow, l for a due entry of low priority
 * - key `stream`: stream
 * - key `ready`: stream of entries that the group must handle again
 * - key `delayed`: sorted set of its entries that wait for a time
 * - key `dead`: stream of its dead letters
 * - key `paused`: exists while the group is paused
 * - key `watched`: exists while somebody watches the stream
 * - `from_stream`: cursor, 0-0 at first
 * - `from_ready`: cursor, 0-0 at first
 * - replies both cursors, 1 when paused plus 2 when the stream is watched plus 4 when entries of low priority wait, milliseconds until the next entry is due or the pause ends (-1: neither), then of each entry that was taken over: id, used attempts (negative for a dead letter), fencing token (0 for an unreadable entry, also a dead letter)
 * - on a full server runs: without it due and abandoned entries are not handled, and a full server is not drained
 */
export const streamMaintain: Script<[held: readonly string[], most: Arg, stops: Arg, keep: Arg, channels: Arg, group: Arg, consumer: Arg, declared: Arg, lease: Arg, attempts: Arg, workers: Arg], [stream: string, ready: string, delayed: string, dead: string, paused: string, watched: string, fromStream: Arg, fromReady: Arg], readonly Reply[]> = {
  name: 'stream/maintain',
  sha: 'bfcf7471e2abb0c1e68ac0d14b0344a30b5f444d',
  batch: 1,
  sharedKeys: true,
  shared: ["most","stops","keep","channels","group","consumer","declared","lease","attempts","workers"],
  keys: ["stream","ready","delayed","dead","paused","watched"],
  args: ["from_stream","from_ready"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece49, piece137, piece36, piece153, piece154, piece139, piece1, piece162, piece166, piece164, piece124, `local function load_low()
local function sortable(id)
local ms, number = string.match(id, '^(%d+)-(%d+)$')
return string.char(64 + #ms) .. ms .. string.char(64 + #number) .. number
end
local members = { from = nil }
function members.prefix(key, id)
return key .. '\\0' .. sortable(id) .. '\\0'
end
function members.from(key, delivery)
local more = ''
if delivery.a > 0 or delivery.f > 0 or delivery.v or delivery.o then
more = string.format('%.0f %.0f %.0f ', delivery.a, delivery.f, delivery.v or 0) .. (delivery.o or '')
end
return members.prefix(key, delivery.i) .. (delivery.t or '') .. '\\0' .. more .. '\\0' .. delivery.d
end
function members.entry(member, length)
length = length or #string.match(member, '^[^%z]*')
local ms, number, trace, more, payload =
string.match(member, '^%z%u(%d+)%u(%d+)%z([^%z]*)%z([^%z]*)%z(.*)$', length + 1)
if not ms then
return nil
end
local delivery = { i = ms .. '-' .. number, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil }
if more ~= '' then
local a, f, v, o = string.match(more, '^(%d+) (%d+) (%d+) (.*)$')
if not a then
return nil
end
delivery.a, delivery.f = tonumber(a), tonumber(f)
delivery.v = v ~= '0' and tonumber(v) or nil
delivery.o = o ~= '' and o or nil
end
return delivery
end
function members.may_run(member, length)
return string.find(member, '^%z%u%d+%u%d+%z[^%z]*%z%z', length + 1) ~= nil
end
function members.position(position)
return string.match(position, '^([^/]*)/(%d+)$')
end
function members.of_run(fields, nth)
local member = fields[1] == 'k' and fields[2 * nth + 1] == 'm' and fields[2 * nth + 2]
local delivery = member and members.entry(member)
if delivery then
delivery.k = fields[2]
end
return delivery or nil
end
local low = {}
function low.is(delivery)
return delivery.o ~= nil and string.find(delivery.o, 'l', 1, true) ~= nil
end
function low.put(key, delivery)
redis.call('ZADD', key, 0, members.from('', delivery))
end
function low.entry(member)
return members.entry(member, 0)
end
function low.find(key, id)
local prefix = members.prefix('', id)
local member = redis.call('ZRANGE', key, '[' .. prefix, '(' .. prefix .. '\\255', 'BYLEX', 'LIMIT', 0, 1)[1]
return member and low.entry(member), member
end
return low
end
local function put_waiting(ready, lows, delivery)
if delivery.o and load_low().is(delivery) then
load_low().put(lows, delivery)
else
entry.put_ready(ready, delivery)
end
end
local held = KEYS
local most = ARGV[1]
local stops = ARGV[2]
local keep = ARGV[3]
local channels = ARGV[4]
local group = ARGV[5]
local consumer = ARGV[6]
local declared = ARGV[7]
local lease = ARGV[8]
local attempts = ARGV[9]
local workers = ARGV[10]
local STEP, MOST_BYTES = 50, 262144
local MOST_UNRECORDED = 20
local function in_steps(take)
local left, bytes = STEP, 0
for step = 1, STEP do
local count = math.min(step == 1 and 2 or 4, left)
local took = count > 0 and bytes < MOST_BYTES and take(count)
if not took then
return
end
left, bytes = left - count, bytes + took
end
end
local END = '18446744073709551615-0'
local items = (#ARGV - 10) / 2
if items == 1 then
local stream, ready, delayed, dead, paused, watched, from_stream, from_ready = KEYS[#KEYS - items * 6 + 1], KEYS[#KEYS - items * 6 + 2], KEYS[#KEYS - items * 6 + 3], KEYS[#KEYS - items * 6 + 4], KEYS[#KEYS - items * 6 + 5], KEYS[#KEYS - items * 6 + 6], ARGV[11], ARGV[12]
do`, piece167, `end
return nil
end
local function item(stream, ready, delayed, dead, paused, watched, from_stream, from_ready)`, piece167, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 6 + done * 6
local arg = 10 + done * 2
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], KEYS[key + 4], KEYS[key + 5], KEYS[key + 6], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Create a group and its stream of ready entries, if they do not exist.
 *
 * - key `stream`: stream
 * - key `ready`: stream of entries that the group must handle again
 * - key `paused`: exists while the group is paused
 * - `group`: group
 * - `from`: id after which the group begins, or $ for entries that are added from now on
 * - replies 1 when the group is paused
 * - on a full server runs: a worker cannot drain the stream without its group; groups are few
 */
export const streamOpen: Script<[], [stream: string, ready: string, paused: string, group: Arg, from: Arg], number> = {
  name: 'stream/open',
  sha: 'eb65be19e849edb13ed43bc9f85b6665cd7bbdbe',
  batch: 16,
  sharedKeys: false,
  shared: [],
  keys: ["stream","ready","paused"],
  args: ["group","from"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece1, `local function make(stream, group, from)
local made = redis.pcall('XGROUP', 'CREATE', stream, group, from, 'MKSTREAM')
if made.err and not string.match(made.err, '^BUSYGROUP') then
error(made)
end
end
local items = #KEYS / 3
if items == 1 then
local stream, ready, paused, group, from = KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2]
do`, piece168, `end
return nil
end
local function item(stream, ready, paused, group, from)`, piece168, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 3
local arg = 0 + done * own
done = done + 1`, piece31, piece6),
}

/**
 * Read the next part of the output of an entry (lua/stream/write.lua).
 *
 * It begins at byte `from` if the output is that of the delivery `fence`, otherwise at its beginning. A part begins and ends between
 * characters.
 *
 * - key `output`: output of the entry
 * - `fence`: fence of a delivery, in 16 digits
 * - `from`: bytes of its output that the caller has
 * - replies fence, byte at which the part begins, byte at which it ends, text, 1 when there is more; all empty when there is no output
 * - on a full server runs: it only reads
 */
export const streamOutput: Script<[], [output: string, fence: Arg, from: Arg], readonly Reply[]> = {
  name: 'stream/output',
  sha: 'bd7277c4ad30df91417544173ab90dbad968ddd2',
  batch: 8,
  sharedKeys: false,
  shared: [],
  keys: ["output"],
  args: ["fence","from"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece1, `local HEAD, MOST = 16, 65536
local function inside(text, at)
local byte = string.byte(text, at)
return byte and byte >= 128 and byte < 192
end
local items = #KEYS / 1
if items == 1 then
local output, fence, from = KEYS[1], ARGV[1], ARGV[2]
do`, piece169, `end
return nil
end
local function item(output, fence, from)`, piece169, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Return the size of a stream and the names of its groups.
 *
 * - key `stream`: stream
 * - replies entries, bytes as Redis estimates them (-1: unknown), the groups' names
 */
export const streamOverview: Script<[], [stream: string], readonly Reply[]> = {
  name: 'stream/overview',
  sha: '6d64d963b83fe8a7a5086f40580971d0d58a9a8e',
  batch: 4,
  sharedKeys: false,
  shared: [],
  keys: ["stream"],
  args: [],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes`, piece36, `local items = #KEYS / 1
if items == 1 then
local stream = KEYS[1]
do`, piece170, `end
return nil
end
local function item(stream)`, piece170, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = done * 1
done = done + 1
local reply = item(KEYS[key + 1])`, piece6),
}

/**
 * Read a page of entries: at most `count` entries and, beyond the first one, at most `bytes` of fields.
 *
 * It reads two entries first. Then it reads 16 at a time, or as many as fit if they are as large as the ones before.
 *
 * - key `stream`: stream
 * - `first`: id to begin with, with a leading ( to exclude it; - or +
 * - `last`: id to end with
 * - `count`: most entries
 * - `bytes`: most bytes of their fields
 * - `order`: XRANGE or XREVRANGE
 * - replies 1 when there may be more, else 0; then id and fields of each entry
 */
export const streamPage: Script<[], [stream: string, first: Arg, last: Arg, count: Arg, bytes: Arg, order: Arg], readonly Reply[]> = {
  name: 'stream/page',
  sha: '8ab40d8600cd3bff37037ff14d2ebc282bebc1e2',
  batch: 1,
  sharedKeys: false,
  shared: [],
  keys: ["stream"],
  args: ["first","last","count","bytes","order"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local STEP = 16
local function size(fields)
local sum = 0
for _, text in ipairs(fields) do
sum = sum + #text
end
return sum
end
local items = #KEYS / 1
if items == 1 then
local stream, first, last, count, bytes, order = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
do`, piece171, `end
return nil
end
local function item(stream, first, last, count, bytes, order)`, piece171, `end
local replies, done = {}, 0
local own = #ARGV > 5 and 5 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4], ARGV[arg + 5])`, piece6),
}

/**
 * Pause a group for all processes, or resume it, and send its workers a message.
 *
 * A worker that does not get the message notices within ten seconds. So a Redis user that may not publish can pause too.
 *
 * - key `paused`: exists while the group is paused; its value is the time of the pause
 * - `on`: 1 to pause, 0 to resume
 * - `channel`: pub/sub channel, in the same slot, that the group's workers follow, p for a pause; not a key, because it never exists
 * - replies 1 when this changed the group
 * - on a full server runs: pausing takes load off the server; one short key for each group
 */
export const streamPause: Script<[], [paused: string, on: Arg, channel: Arg], number> = {
  name: 'stream/pause',
  sha: '7b87b13c921af85f6bd4e311b02bc48b781cece6',
  batch: 16,
  sharedKeys: false,
  shared: [],
  keys: ["paused"],
  args: ["on","channel"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local items = #KEYS / 1
if items == 1 then
local paused, on, channel = KEYS[1], ARGV[1], ARGV[2]
do`, piece172, `end
return nil
end
local function item(paused, on, channel)`, piece172, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Store the progress of an entry that a worker has, for those that wait for its result.
 *
 * Invariant: a worker without the lease stores nothing.
 *
 * - shared keys `held`: results and their times (lua/_lib/stream/outcomes.lua)
 * - shared `group`: group
 * - shared `consumer`: name of the worker's consumer
 * - shared `channels`: prefix of the pub/sub channels of outcomes
 * - key `stream`: stream, or the group's stream of ready entries
 * - `position`: position of the entry there
 * - `id`: entry
 * - `keep`: milliseconds for which its outcome will be kept
 * - `json`: progress
 * - replies 1 when it was stored
 * - on a full server refused: it stores a value
 */
export const streamProgress: Script<[held: readonly string[], group: Arg, consumer: Arg, channels: Arg], [stream: string, position: Arg, id: Arg, keep: Arg, json: Arg], number> = {
  name: 'stream/progress',
  sha: '2214080f649dd06fa1160f5af369febf3399802a',
  batch: 64,
  sharedKeys: true,
  shared: ["group","consumer","channels"],
  keys: ["stream"],
  args: ["position","id","keep","json"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece155, piece153, piece1, `local held = KEYS
local group = ARGV[1]
local consumer = ARGV[2]
local channels = ARGV[3]
local items = (#ARGV - 3) / 4
if items == 1 then
local stream, position, id, keep, json = KEYS[#KEYS - items * 1 + 1], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
do`, piece173, `end
return nil
end
local function item(stream, position, id, keep, json)`, piece173, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 1 + done * 1
local arg = 3 + done * 4
done = done + 1`, piece11, piece6),
}

/**
 * Move entries of low priority to ready, from which workers read them. Workers call it (low-entries.ts).
 *
 * Invariant: an entry is in `low` or in ready, before and after. An entry without `always` moves only if no other entry of the group waits. The
 * order of the ids stays. A call moves some 256 KiB.
 * If the worker dies before the script, nothing moved; after it, or if the reply is lost, the entries are in ready, and any worker reads them.
 *
 * - shared `group`: group
 * - key `stream`: stream
 * - key `ready`: stream of entries that the group must handle again
 * - key `lows`: sorted set of entries of low priority, see lua/_lib/stream/low.lua
 * - `count`: most entries to move
 * - `always`: 1: also while other entries wait
 * - replies entries moved, 1 when some are left
 * - on a full server runs: without it these entries are not handled, and a full server is not drained
 */
export const streamPromote: Script<[group: Arg], [stream: string, ready: string, lows: string, count: Arg, always: Arg], readonly Reply[]> = {
  name: 'stream/promote',
  sha: 'f4d7fbde9f08301a18c6eb85db05efba0453cc05',
  batch: 1,
  sharedKeys: false,
  shared: ["group"],
  keys: ["stream","ready","lows"],
  args: ["count","always"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece142, piece143, piece144, piece145, piece36, piece147, piece1, `local group = ARGV[1]
local MOST_BYTES, STEP = 262144, 4
local items = #KEYS / 3
if items == 1 then
local stream, ready, lows, count, always = KEYS[1], KEYS[2], KEYS[3], ARGV[2], ARGV[3]
do`, piece174, `end
return nil
end
local function item(stream, ready, lows, count, always)`, piece174, `end
local replies, done = {}, 0
local own = #ARGV > 3 and 2 or 0
local function run()
while done < items do
local key = done * 3
local arg = 1 + done * own
done = done + 1`, piece31, piece6),
}

/**
 * Delete a dead letter.
 *
 * - key `dead`: stream of dead letters
 * - `position`: position of the dead letter
 * - replies 1 when it existed
 * - on a full server runs: it deletes a dead letter
 */
export const streamPurge: Script<[], [dead: string, position: Arg], number> = {
  name: 'stream/purge',
  sha: 'd6887d146227bca93111e9f2f62a10275cea3435',
  batch: 128,
  sharedKeys: false,
  shared: [],
  keys: ["dead"],
  args: ["position"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local items = #KEYS / 1
if items == 1 then
local dead, position = KEYS[1], ARGV[1]
do
return redis.pcall('XDEL', dead, position)
end
return nil
end
local function item(dead, position)
return redis.pcall('XDEL', dead, position)
end
local replies, done = {}, 0
local own = #ARGV > 1 and 1 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1])`, piece6),
}

/**
 * Delete a dead letter of a stream with order by key. If it stops its key, the key goes on.
 *
 * - shared keys `held`: its places, see lua/_lib/stream/places.lua
 * - shared `most`: places of a key
 * - key `dead`: stream of dead letters
 * - key `ready`: stream of entries that the group must handle again
 * - `position`: position of the dead letter
 * - replies 1 when it existed
 * - on a full server runs: it deletes a dead letter
 */
export const streamPurgeKeyed: Script<[held: readonly string[], most: Arg], [dead: string, ready: string, position: Arg], number> = {
  name: 'stream/purge_keyed',
  sha: '87b53a44bd57e21d963699dd5f08b9afdfd43161',
  batch: 16,
  sharedKeys: true,
  shared: ["most"],
  keys: ["dead","ready"],
  args: ["position"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece142, piece143, piece144, piece150, piece1, piece151, `local held = KEYS
local most = ARGV[1]
local items = (#ARGV - 1) / 1
if items == 1 then
local dead, ready, position = KEYS[#KEYS - items * 2 + 1], KEYS[#KEYS - items * 2 + 2], ARGV[2]
do`, piece175, `end
return nil
end
local function item(dead, ready, position)`, piece175, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 2 + done * 2
local arg = 1 + done * 1
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1])`, piece6),
}

/**
 * Renew the leases of a worker, which shows that it is alive. With `starting` it also records that handlers are about to be called.
 *
 * Invariant: a lost lease is neither taken back nor recorded as started. The record lasts as long as the lease. The worker sends at
 * most 256 positions. The first renewal of a lease also stores when it began (started.lua), with an XCLAIM for each such time.
 *
 * - shared keys `held`: with order by key its places, see lua/_lib/stream/places.lua
 * - shared `group`: group
 * - shared `consumer`: name of the consumer that has the leases
 * - key `stream`: stream, or the group's stream of ready entries
 * - `ids`: positions, ascending, separated by spaces; of entries of a run (lua/_lib/stream/members.lua) each its own
 * - `places`: JSON list of the places of the entries of runs, in the same order; empty when there are none
 * - `starting`: 1 when the handlers are about to be called
 * - replies positions whose lease is lost, separated by spaces
 * - on a full server runs: without it the leases of a live worker end; it changes times only
 */
export const streamRenew: Script<[held: readonly string[], group: Arg, consumer: Arg], [stream: string, ids: Arg, places: Arg, starting: Arg], string> = {
  name: 'stream/renew',
  sha: '7c76299b62c08f0cbba2adac8ae4095ad0c257ad',
  batch: 1,
  sharedKeys: true,
  shared: ["group","consumer"],
  keys: ["stream"],
  args: ["ids","places","starting"],
  returns: 'string',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece150, piece153, piece164, piece1, `local held = KEYS
local group = ARGV[1]
local consumer = ARGV[2]
local items = (#ARGV - 2) / 3
if items == 1 then
local stream, ids, places, starting = KEYS[#KEYS - items * 1 + 1], ARGV[3], ARGV[4], ARGV[5]
do`, piece176, `end
return nil
end
local function item(stream, ids, places, starting)`, piece176, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 1 + done * 1
local arg = 2 + done * 3
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`, piece6),
}

/**
 * Delete an entry of an event log and append another one in its place.
 *
 * Invariant: an entry is replaced once. If it is not there any more, nothing is appended. The invariant of `stream/add` too.
 *
 * - shared keys `of`: the stream; with tags last their index, see lua/_lib/stream/tagging.lua
 * - shared `limits`: limits of the stream, see lua/_lib/stream/append.lua
 * - `id`: id of the entry
 * - `payload`: JSON text of the other one, and its tags
 * - replies 1 when it was replaced, 0 when it was not there, -1 when the stream is full
 * - on a full server refused: it adds an entry
 */
export const streamReplace: Script<[of: readonly string[], limits: Arg], [id: Arg, payload: Arg], number> = {
  name: 'stream/replace',
  sha: '1a0e1b14399eb888a33aa31339262f35095516dd',
  batch: 64,
  sharedKeys: true,
  shared: ["limits"],
  keys: [],
  args: ["id","payload"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece133, piece134, `local of = KEYS
local limits = ARGV[1]
local stream = append.open(of, 1, limits)
local items = (#ARGV - 1) / 2
if items == 1 then
local id, payload = ARGV[2], ARGV[3]
do`, piece177, `end
return nil
end
local function item(id, payload)`, piece177, `end
local replies, done = {}, 0
local function run()
while done < items do
local arg = 1 + done * 2
done = done + 1
local reply = item(ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Move a dead letter back to the ready entries of its group, with all attempts again.
 *
 * An entry with a key gets its place back if it stops its key. Otherwise it asks for one, and comes before those that were added later.
 *
 * Invariant: the entry is either a dead letter or ready, never both and never neither. A second call changes nothing. Another payload replaces
 * its own in the same step, so that no worker gets the old one after a call that succeeded.
 *
 * - shared keys `held`: places of keys (lua/_lib/stream/places.lua), then results and their times (lua/_lib/stream/outcomes.lua)
 * - shared `most`: places of a key; 0 without order
 * - key `dead`: stream of dead letters
 * - key `ready`: stream of entries that the group must handle again
 * - `position`: position of the dead letter
 * - `payload`: JSON of another payload; '' to keep it
 * - replies 1 when it existed
 * - on a full server runs: it moves an entry so that it is handled
 */
export const streamRequeue: Script<[held: readonly string[], most: Arg], [dead: string, ready: string, position: Arg, payload: Arg], number> = {
  name: 'stream/requeue',
  sha: 'cf977f4c876e42233059e30b4f1afd39d1e21744',
  batch: 16,
  sharedKeys: true,
  shared: ["most"],
  keys: ["dead","ready"],
  args: ["position","payload"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece139, piece1, piece162, `local held = KEYS
local most = ARGV[1]
local items = (#ARGV - 1) / 2
if items == 1 then
local dead, ready, position, payload = KEYS[#KEYS - items * 2 + 1], KEYS[#KEYS - items * 2 + 2], ARGV[2], ARGV[3]
do`, piece178, `end
return nil
end
local function item(dead, ready, position, payload)`, piece178, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 2 + done * 2
local arg = 1 + done * 2
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Move the position from which a group of an event log reads. Creates the group if it does not exist.
 *
 * Invariant: entries that are running, ready or delayed in the group stay, unless `discard` drops them with their leases. The reset
 * is one script, so a process that dies leaves it done or not done.
 *
 * - key `stream`: stream
 * - key `ready`: stream of entries that the group must handle again
 * - key `delayed`: sorted set of its entries that wait for a time
 * - `group`: group
 * - `after`: id after which the group reads, $ for the last id of the stream
 * - `discard`: 1 to drop its running, ready and delayed entries
 * - `channel`: pub/sub channel, in the same slot, that the group's workers follow, n for a new position; not a key, because it never exists
 * - replies entries not read yet, 1 when that is exact, ready, pending, delayed
 * - on a full server runs: it moves a position; groups are few, and discarding frees memory
 */
export const streamReset: Script<[], [stream: string, ready: string, delayed: string, group: Arg, after: Arg, discard: Arg, channel: Arg], readonly Reply[]> = {
  name: 'stream/reset',
  sha: '8e749ee05c1fe4bbd09e593004074ad4034180d6',
  batch: 1,
  sharedKeys: false,
  shared: [],
  keys: ["stream","ready","delayed"],
  args: ["group","after","discard","channel"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece36, piece1, piece37, piece38, `local WAKE = ':wake:'
local function make(key, group, id)
local made = redis.pcall('XGROUP', 'CREATE', key, group, id, 'MKSTREAM')
if made.err and not string.match(made.err, '^BUSYGROUP') then
error(made)
end
end
local function pending(key, group)
for _, found in ipairs(groups(key)) do
if found.name == group then
return found.pending
end
end
end
local items = #KEYS / 3
if items == 1 then
local stream, ready, delayed, group, after, discard, channel = KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
do`, piece179, `end
return nil
end
local function item(stream, ready, delayed, group, after, discard, channel)`, piece179, `end
local replies, done = {}, 0
local own = #ARGV > 4 and 4 or 0
local function run()
while done < items do
local key = done * 3
local arg = 0 + done * own
done = done + 1`, piece131, piece6),
}

/**
 * Read a schedule.
 *
 * - key `schedules`: hash, see lua/_lib/stream/schedule.lua
 * - key `due`: sorted set of next occurrences
 * - `id`: schedule
 * - replies Redis' time in ms; then the schedule, see `schedule.state`, if it exists
 */
export const streamScheduleRead: Script<[], [schedules: string, due: string, id: Arg], readonly Reply[]> = {
  name: 'stream/schedule_read',
  sha: '8ce830b587bbe6ec24cebffdd4053f71c02a69c1',
  batch: 16,
  sharedKeys: false,
  shared: [],
  keys: ["schedules","due"],
  args: ["id"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece180, `local items = #KEYS / 2
if items == 1 then
local schedules, due, id = KEYS[1], KEYS[2], ARGV[1]
do`, piece181, `end
return nil
end
local function item(schedules, due, id)`, piece181, `end
local replies, done = {}, 0
local own = #ARGV > 1 and 1 or 0
local function run()
while done < items do
local key = done * 2
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1])`, piece6),
}

/**
 * Remove a schedule. Entries that it added stay.
 *
 * - key `schedules`: hash, see lua/_lib/stream/schedule.lua
 * - key `due`: sorted set of next occurrences
 * - key `ids`: sorted set of ids
 * - `id`: schedule
 * - replies 1 when it existed
 * - on a full server runs: it deletes
 */
export const streamScheduleRemove: Script<[], [schedules: string, due: string, ids: string, id: Arg], number> = {
  name: 'stream/schedule_remove',
  sha: '56c9623f452696adc4dfade0b5d41f673e15a2f7',
  batch: 16,
  sharedKeys: false,
  shared: [],
  keys: ["schedules","due","ids"],
  args: ["id"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece1, `local items = #KEYS / 3
if items == 1 then
local schedules, due, ids, id = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
do`, piece182, `end
return nil
end
local function item(schedules, due, ids, id)`, piece182, `end
local replies, done = {}, 0
local own = #ARGV > 1 and 1 or 0
local function run()
while done < items do
local key = done * 3
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], ARGV[arg + 1])`, piece6),
}

/**
 * Add the entry of an occurrence and move its schedule on to the next one.
 *
 * Invariant: an occurrence is added once. The caller says which one it saw (`seen`): when the schedule has moved on, was changed,
 * paused or removed since, nothing is done. The entry is added and the schedule moved in one script, so a process that dies before
 * the script leaves the occurrence to the others, and one that dies after it has done all.
 *
 * - shared `limits`: limits of the stream, see lua/_lib/stream/append.lua
 * - key `all`: stream, hash, due and ids (see lua/_lib/stream/schedule.lua), then ready and delayed of each group of `names`; with order by key then its places (lua/_lib/stream/places.lua); with tags last their index (tagging.lua)
 * - `id`: schedule
 * - `seen`: text that the read returned; empty to add an entry now, whatever is due
 * - `next`: the next occurrence in ms; empty when there is none
 * - `payload`: JSON text and its tags (lua/_lib/stream/append.lua); empty to add nothing, because the occurrence was missed
 * - `names`: the groups, separated by spaces; no entry is added while one of them has to finish the one before. Empty: not asked
 * - `name`: key of the entry, if any
 * - replies + and the entry's id; or what was done instead: `missed` or `overlap`, the schedule moved on without an entry; `full`, `stale`, `early`, `groups`, `gone`, nothing was done
 * - on a full server refused: it adds an entry
 */
export const streamScheduleTick: Script<[limits: Arg], [...all: string[], id: Arg, seen: Arg, next: Arg, payload: Arg, names: Arg, name: Arg], string> = {
  name: 'stream/schedule_tick',
  sha: 'a7ef6558d66179f01ae12fc111422bd78099a4cb',
  batch: 16,
  sharedKeys: false,
  shared: ["limits"],
  keys: ["all"],
  manyKeys: true,
  args: ["id","seen","next","payload","names","name"],
  returns: 'string',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece133, piece49, piece36, piece142, `local function load_limits()
local MOST = '18446744073709551615'
local DIGITS = 9
local function plus_one(digits)
local head = string.sub(digits, 1, -DIGITS - 1)
local tail = string.format('%.0f', string.sub(digits, -DIGITS) + 1)
if head == '' then
return tail
end
if #tail > DIGITS then
return string.format('%.0f', head + 1) .. string.rep('0', DIGITS)
end
return head .. string.rep('0', DIGITS - #tail) .. tail
end
local function following(id)
local time, number = string.match(id, '(%d+)-(%d+)')
if number ~= MOST then
return time .. '-' .. plus_one(number)
end
return time == MOST and id or plus_one(time) .. '-0'
end
local function ids(stream, first, last, most)
local found, bytes = {}, 0
for step = 1, most do
local count = math.min(step == 1 and 4 or 16, most - #found)
if count <= 0 or bytes >= 262144 then
return found, false
end
local page = redis.call('XRANGE', stream, first, last, 'COUNT', count)
for _, entry in ipairs(page) do
found[#found + 1] = entry[1]
for _, text in ipairs(entry[2]) do
bytes = bytes + #text
end
end
if #page < count then
return found, true
end
first = '(' .. page[count][1]
end
return found, false
end
local limits = { backlog = nil, trim = nil }
local EVERY, MOST = 64, 256
local function finished(stream)
local bound
for _, group in ipairs(groups(stream)) do
local first
if group.pending > 0 then
first = redis.call('XPENDING', stream, group.name, '-', '+', 1)[1][1]
else
first = following(group['last-delivered-id'])
end
if not bound or earlier(first, bound) then
bound = first
end
end
return bound
end
function limits.backlog(stream)
if not stream.backlog then
local most = 0
for _, group in ipairs(stream.length > 0 and groups(stream.key) or {}) do
most = math.max(most, group.lag and group.lag + group.pending or stream.length)
end
stream.backlog = most
end
return stream.backlog
end
local function note_missed(stream, list, at)
local final = list[at - 1]
for _, group in ipairs(groups(stream.key)) do
local missed = 0
for before = at - 1, 1, -1 do
if not earlier(group['last-delivered-id'], list[before]) then
break
end
missed = missed + 1
end
if group.pending > 0 then
missed = missed + #redis.call('XPENDING', stream.key, group.name, list[1], final, at - 1)
end
if missed > 0 then
stream.missed[group.name] = (stream.missed[group.name] or 0) + missed
end
end
end
function limits.trim(stream)
local key, age = stream.key, stream.age
local bound = not stream.lossy and finished(key) or nil
local over = stream.entries > 0 and stream.length - stream.entries or 0
if stream.bytes > 0 then
local bytes = redis.pcall('MEMORY', 'USAGE', key)
if type(bytes) == 'number' and bytes > stream.bytes then
over = math.max(over, 2 * EVERY)
end
end
local oldest = age > 0 and now / 1000 - age or 0
local most = math.min(oldest > 0 and MOST or over, MOST)
if most <= 0 or (bound and not earlier(redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1][1], bound)) then
return 0
end
local list = ids(key, '-', '+', most + 1)
for at, id in ipairs(list) do
local wanted = at <= over or tonumber(string.match(id, '%d+')) < oldest
if at == #list or not wanted or (bound and not earlier(id, bound)) then
if at <= 1 then
return 0
end
if stream.lossy and stream.missed then
note_missed(stream, list, at)
end
return redis.call('XTRIM', key, 'MINID', '=', id)
end
end
return 0
end
return limits
end
local function load_ordered()
local MOST = '18446744073709551615'
local DIGITS = 9
local function plus_one(digits)
local head = string.sub(digits, 1, -DIGITS - 1)
local tail = string.format('%.0f', string.sub(digits, -DIGITS) + 1)
if head == '' then
return tail
end
if #tail > DIGITS then
return string.format('%.0f', head + 1) .. string.rep('0', DIGITS)
end
return head .. string.rep('0', DIGITS - #tail) .. tail
end
local function following(id)
local time, number = string.match(id, '(%d+)-(%d+)')
if number ~= MOST then
return time .. '-' .. plus_one(number)
end
return time == MOST and id or plus_one(time) .. '-0'
end
local function reserve(stream)
if not stream.last then
local info = redis.call('XINFO', 'STREAM', stream.key)
for at = 1, #info, 2 do
if info[at] == 'last-generated-id' then
stream.last = info[at + 1]
end
end
end
local present = string.format('%.0f-0', math.floor(now / 1000))
local id = earlier(stream.last, present) and present or following(stream.last)
local done = redis.pcall('XSETID', stream.key, id)
if done.err then
return done
end
stream.last = id
return id
end
local members = { from = nil }
function members.prefix(key, id)
return key .. '\\0' .. sortable(id) .. '\\0'
end
function members.from(key, delivery)
local more = ''
if delivery.a > 0 or delivery.f > 0 or delivery.v or delivery.o then
more = string.format('%.0f %.0f %.0f ', delivery.a, delivery.f, delivery.v or 0) .. (delivery.o or '')
end
return members.prefix(key, delivery.i) .. (delivery.t or '') .. '\\0' .. more .. '\\0' .. delivery.d
end
function members.entry(member, length)
length = length or #string.match(member, '^[^%z]*')
local ms, number, trace, more, payload =
string.match(member, '^%z%u(%d+)%u(%d+)%z([^%z]*)%z([^%z]*)%z(.*)$', length + 1)
if not ms then
return nil
end
local delivery = { i = ms .. '-' .. number, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil }
if more ~= '' then
local a, f, v, o = string.match(more, '^(%d+) (%d+) (%d+) (.*)$')
if not a then
return nil
end
delivery.a, delivery.f = tonumber(a), tonumber(f)
delivery.v = v ~= '0' and tonumber(v) or nil
delivery.o = o ~= '' and o or nil
end
return delivery
end
function members.may_run(member, length)
return string.find(member, '^%z%u%d+%u%d+%z[^%z]*%z%z', length + 1) ~= nil
end
function members.position(position)
return string.match(position, '^([^/]*)/(%d+)$')
end
function members.of_run(fields, nth)
local member = fields[1] == 'k' and fields[2 * nth + 1] == 'm' and fields[2 * nth + 2]
local delivery = member and members.entry(member)
if delivery then
delivery.k = fields[2]
end
return delivery or nil
end
local function load_members()
return members
end
local entry = {}
local function fields_of(stream, id)
local found = redis.call('XRANGE', stream, id, id)[1]
if not found then
return nil
end
local fields, named = found[2], {}
for at = 1, #fields, 2 do
named[fields[at]] = named[fields[at]] or fields[at + 1]
end
return fields, named
end
local function is_count(text)
return text and #text <= 15 and string.match(text, '^%d+$')
end
local function added(fields, named)
local names = 'd' .. (named.t and 't' or '') .. (named.n and 'n' or '') .. (named.o and 'o' or '')
.. (named.k and 'k' or named.q and 'q' or '')
for at = 1, #fields, 2 do
if fields[at] ~= string.sub(names, (at + 1) / 2, (at + 1) / 2) then
return false
end
end
return #fields == 2 * #names and (not named.n or is_count(named.n))
end
function entry.read(stream, id)
local fields, named = fields_of(stream, id)
if not fields then
return nil
end
if added(fields, named) then
return { i = id, a = 0, f = 0, d = named.d, t = named.t, n = tonumber(named.n or nil), k = named.k, q = named.q, o = named.o }
end
return { i = id, a = 0, f = 0, d = named.d or fields[2] }
end
function entry.read_ready(stream, id)
local position, nth = string.match(id, '^([^/]*)/(%d+)$')
local fields, named = fields_of(stream, position or id)
if not fields then
return nil
end
if position then
return load_members().of_run(fields, nth) or { i = '0-0', a = 0, f = 0, d = fields[2 * nth + 2] or '', foreign = true }
end
if named.k and not named.a and not named.f then
named.a, named.f = '0', '0'
end
if string.match(named.i or '', '^%d+%-%d+$') and is_count(named.a) and is_count(named.f) and named.d then
local v = is_count(named.v) and tonumber(named.v) or nil
local k = not named.g and named.k or nil
return { i = named.i, a = tonumber(named.a), f = tonumber(named.f), d = named.d, t = named.t, v = v, k = k, q = named.q, o = named.o }
end
return { i = '0-0', a = 0, f = 0, d = named.d or fields[2], foreign = true }
end
function entry.put_ready(ready, delivery)
if delivery.foreign then
return redis.call('XADD', ready, '*', 'd', delivery.d)
end
local place = delivery.k
if place and delivery.f == 0 and delivery.a == 0 and not delivery.t and not delivery.v and not delivery.o then
return redis.call('XADD', ready, '*', 'i', delivery.i, 'd', delivery.d, 'k', place)
end
local add = { 'XADD', ready, '*', 'i', delivery.i, 'a', delivery.a, 'f', delivery.f, 'd', delivery.d }
for _, name in ipairs({ 't', 'v', 'k', 'o' }) do
if delivery[name] then
add[#add + 1] = name
add[#add + 1] = delivery[name]
end
end
return redis.call(unpack(add))
end
function entry.put_delayed(delayed, delivery, due)
local fields = { delivery.i, delivery.a, delivery.f, delivery.d, delivery.t }
if delivery.k or delivery.q or delivery.o or delivery.v then
fields[5], fields[6], fields[7], fields[8] = delivery.t or '', delivery.k or '', delivery.q or '', delivery.o
end
if delivery.v then
fields[8], fields[9] = delivery.o or '', delivery.v
end
local packed = cmsgpack.pack(fields)
redis.call('ZADD', delayed, string.format('%.0f', due), packed)
return packed
end
function entry.attempts(delivery, usual)
return tonumber(delivery.o and string.match(delivery.o, 'a(%d+)') or usual)
end
function entry.give_back(ready, delayed, delivery, ms)
delivery.f = delivery.f + 1
if delivery.n and delivery.n > ms then
entry.put_delayed(delayed, delivery, delivery.n)
else
entry.put_ready(ready, delivery)
end
end
function entry.put_dead(dead, delivery, group, kind, reason)
local i, a, f, d = delivery.i, delivery.a, delivery.f, delivery.d
local add = { 'XADD', dead, '*', 'i', i, 'a', a, 'f', f, 'g', group, 'k', kind, 'e', reason, 'd', d }
local q = delivery.q or delivery.k and string.match(delivery.k, '^[^\\1]*')
for name, value in pairs({ t = delivery.t, q = q, o = delivery.o }) do
add[#add + 1] = name
add[#add + 1] = value
end
return redis.call(unpack(add))
end
function entry.unpacked(packed)
local ok, found = pcall(cmsgpack.unpack, packed)
if not ok or type(found) ~= 'table' then
return nil
end
local i, a, f, d, t, k, q, o, v = unpack(found, 1, 9)
local known = type(i) == 'string' and string.match(i, '^%d+%-%d+$') and type(a) == 'number' and type(f) == 'number'
if not known or type(d) ~= 'string' or (t ~= nil and type(t) ~= 'string') then
return nil
end
local function given(text)
return type(text) == 'string' and text ~= '' and text or nil
end
return { i = i, a = a, f = f, d = d, t = given(t), k = given(k), q = given(q), o = given(o), v = type(v) == 'number' and v or nil }
end
function entry.put_due(dead, group, packed, put)
local delivery = entry.unpacked(packed)
if delivery then
put(delivery)
else
local found = { i = '0-0', a = 0, f = 0, d = packed }
entry.put_dead(dead, found, group, 'invalid', 'a delayed entry cannot be read: something other than penknife wrote it')
end
return delivery ~= nil
end
local function expanded(value)
if not value or not string.find(value, ':', 1, true) then
return value
end
return (string.gsub(value, '(r[^/ ]*/)(%d+):(%d+)', function(run, first, last)
local all = {}
for nth = tonumber(first), tonumber(last) do
all[#all + 1] = run .. nth
end
return table.concat(all, ' ')
end))
end
local places = { open = nil }
local STEP, MOST_BYTES, SMALL, BEHIND = 4, 65536, 1024, '\\1'
function places.open(busy, queued, ready, most)
return { busy = busy, queued = queued, ready = ready, most = tonumber(most), small = false }
end
function places.wrong(of)
return typed(of.busy, 'hash') or typed(of.queued, 'zset')
end
function places.key_of(place)
return string.match(place, '^[^\\1]*')
end
local function named(key, number)
return number == 1 and key or key .. '\\1' .. number
end
function places.free(of, key)
for number = 1, of.most do
local place = named(key, number)
if redis.call('HEXISTS', of.busy, place) == 0 then
return place
end
end
end
function places.take(of, place, location)
redis.call('HSET', of.busy, place, location)
end
function places.get(of, place)
return expanded(redis.call('HGET', of.busy, place))
end
function places.first(of, place)
return string.match(places.get(of, place) or '', '^%S+')
end
function places.queue(of, key, delivery)
redis.call('ZADD', of.queued, 0, members.from(key, delivery))
end
function places.is_queued(of, key, id)
local prefix = members.prefix(key, id)
return redis.call('ZRANGE', of.queued, '[' .. prefix, '(' .. prefix .. '\\255', 'BYLEX', 'LIMIT', 0, 1)[1] ~= nil
end
function places.unqueue(of, key, delivery)
redis.call('ZREM', of.queued, members.from(key, delivery))
end
function places.queued_entry(member)
return members.entry(member)
end
function places.queued_match(id)
return '*' .. members.prefix('', id) .. '*'
end
local function first_queued(of, key, run)
local from, to = '[' .. key .. '\\0', '(' .. key .. '\\1'
local count = of.small and run or math.min(run, STEP)
local found = redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', '0', count)
of.small = found[1] and #found[1] < SMALL
if run > count and #found == count and of.small then
for _, member in ipairs(redis.call('ZRANGE', of.queued, from, to, 'BYLEX', 'LIMIT', count, run - count)) do
found[#found + 1] = member
end
end
return found
end
local function put_run(of, place, run)
local add = { 'XADD', of.ready, '*', 'k', place }
for at, member in ipairs(run) do
add[2 * at + 4], add[2 * at + 5] = 'm', member
end
return 'r' .. redis.call(unpack(add)) .. '/1:' .. #run
end
local function run_of(found, length)
local run, bytes = {}, 0
for at, member in ipairs(found) do
bytes = bytes + #member
if at > 1 and bytes > MOST_BYTES or not members.may_run(member, length) then
break
end
run[at] = member
end
return run, bytes
end
function places.pass_on(of, place, run, later)
local key, number = place, ''
if string.find(place, '\\1', 1, true) then
key, number = string.match(place, '^([^\\1]*)\\1(%d*)$')
end
local found = (tonumber(number) or 1) <= of.most and first_queued(of, key, run) or {}
later = later or { busy = {}, free = {}, behind = 0, alone = true }
local together, bytes = run_of(found, #key)
local locations
if together[2] then
locations = put_run(of, place, together)
later.behind = later.behind + #together - 1
redis.call('ZREM', of.queued, unpack(together))
elseif found[1] then
local delivery = members.entry(found[1], #key)
if delivery then
delivery.k = place
locations = 'r' .. entry.put_ready(of.ready, delivery)
else
entry.put_ready(of.ready, { foreign = true, d = found[1] })
end
redis.call('ZREM', of.queued, found[1])
end
if locations then
later.busy[#later.busy + 1] = place
later.busy[#later.busy + 1] = locations
else
later.free[#later.free + 1] = place
end
if later.alone then
places.done(of, later)
end
return bytes
end
local function count_behind(of, change)
if change ~= 0 and redis.call('HINCRBY', of.busy, BEHIND, change) <= 0 then
redis.call('HDEL', of.busy, BEHIND)
end
end
function places.done(of, later)
if later.busy[1] then
redis.call('HSET', of.busy, unpack(later.busy))
end
if later.free[1] then
redis.call('HDEL', of.busy, unpack(later.free))
end
count_behind(of, later.behind)
end
function places.run(location)
return string.match(location, '^(r[^/]*/)')
end
local function leave_run(of, location, rest)
local run = places.run(location)
if run and string.find(rest, run, 1, true) then
count_behind(of, -1)
end
end
function places.left(of, place, position)
local base = members.position(position)
if base and string.find(redis.call('HGET', of.busy, place) or '', 'r' .. base .. '/', 1, true) then
return nil
end
return base or position
end
function places.is_in(value, location)
return value and string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true) ~= nil
end
function places.positions(of, position)
local found = redis.call('XRANGE', of.ready, position, position)[1]
local fields = found and found[2] or {}
if fields[1] ~= 'k' or fields[3] ~= 'm' then
return { position }
end
local value, all, there = places.get(of, fields[2]), {}, {}
for nth = 1, #fields / 2 - 1 do
all[nth] = position .. '/' .. nth
if places.is_in(value, 'r' .. all[nth]) then
there[#there + 1] = all[nth]
end
end
return there[1] and there or all
end
function places.follows(value, location)
if not value or value == location then
return false
end
local at = string.find(' ' .. value .. ' ', ' ' .. location .. ' ', 1, true)
return at ~= nil and at > 1
end
function places.list(value)
local list = { from = 1 }
for each in string.gmatch(expanded(value) or '', '%S+') do
list[#list + 1] = each
end
return list
end
function places.shift(list, location)
if list[list.from] == location then
list.from = list.from + 1
return true
end
for at = list.from + 1, #list do
if list[at] == location then
return false
end
end
return not places.run(location)
end
function places.without(value, location)
local left = {}
for each in string.gmatch(value or '', '%S+') do
if each ~= location then
left[#left + 1] = each
end
end
return table.concat(left, ' ')
end
function places.leave(of, place, location, run)
local rest = places.without(places.get(of, place), location)
leave_run(of, location, rest)
if rest == '' then
places.pass_on(of, place, run)
else
redis.call('HSET', of.busy, place, rest)
end
end
function places.move(of, place, from, to)
local value = places.get(of, place)
if not value then
redis.call('HSET', of.busy, place, to)
return
end
local list = {}
for each in string.gmatch(value, '%S+') do
list[#list + 1] = each == from and to or each
end
local rest = table.concat(list, ' ')
leave_run(of, from, rest)
redis.call('HSET', of.busy, place, rest)
end
function places.later(due, id)
return 'd' .. string.format('%.0f', due) .. '/' .. id
end
function places.enter(of, key, delivery)
local place = places.free(of, key)
if not place then
places.queue(of, key, delivery)
return
end
delivery.k = place
places.take(of, place, 'r' .. entry.put_ready(of.ready, delivery))
end
function places.delayed_location(of, delivery)
local location
for each in string.gmatch(places.get(of, delivery.k) or '', '%S+') do
location = string.match(each, '^d%d+/(.*)$') == delivery.i and each or location
end
return location
end
function places.leave_delayed(of, delivery)
local location = places.delayed_location(of, delivery)
if location then
places.leave(of, delivery.k, location, 1)
end
end
function places.due(of, delivery)
local location = delivery.k and places.delayed_location(of, delivery)
if location then
places.move(of, delivery.k, location, 'r' .. entry.put_ready(of.ready, delivery))
elseif delivery.q or delivery.k then
places.enter(of, delivery.q or places.key_of(delivery.k), delivery)
else
entry.put_ready(of.ready, delivery)
end
end
local function has_earlier(of, key, id)
local found = redis.call('ZRANGE', of.queued, '[' .. key .. '\\0', '(' .. members.prefix(key, id), 'BYLEX', 'LIMIT', 0, 1)
return found[1] ~= nil
end
function places.give_back(of, delivery, location)
local place = delivery.k
local key, value = places.key_of(place), places.get(of, place)
if not places.is_in(value, location) then
places.enter(of, key, delivery)
elseif places.follows(value, location) or has_earlier(of, key, delivery.i) then
places.queue(of, key, delivery)
places.leave(of, place, location, 1)
else
places.move(of, place, location, 'r' .. entry.put_ready(of.ready, delivery))
end
end
function places.dissolve(of, run)
for _, position in ipairs(places.positions(of, run)) do
local delivery = entry.read_ready(of.ready, position)
if delivery and delivery.k then
places.give_back(of, delivery, 'r' .. position)
end
end
redis.call('XDEL', of.ready, run)
end
function places.bury(of, delivery, location, position, stops)
if stops then
places.move(of, delivery.k, location, 'x' .. position)
else
places.leave(of, delivery.k, location, 1)
end
end
local ordered = { wrong = nil, add = nil, is_queued = nil }
local function places_of(stream)
stream.held = stream.held or places.open(stream.busy, stream.queued, nil, stream.places)
return stream.held
end
function ordered.wrong(stream)
return places.wrong(places_of(stream))
end
function ordered.is_queued(stream, key, id)
return places.is_queued(places_of(stream), key, id)
end
function ordered.add(stream, key, payload, trace, own)
local of = places_of(stream)
local place = places.free(of, key)
if not place then
local id = reserve(stream)
if type(id) == 'table' then
return id
end
redis.call('HINCRBY', of.busy, '', 1)
places.queue(of, key, { i = id, a = 0, f = 0, d = payload, t = trace ~= '' and trace or nil, o = own ~= '' and own or nil })
return id
end
local id
if trace == '' and own == '' then
id = redis.pcall('XADD', stream.key, '*', 'd', payload, 'k', place)
else
local add = { 'XADD', stream.key, '*', 'd', payload }
for _, field in ipairs({ { 't', trace }, { 'o', own }, { 'k', place } }) do
if field[2] ~= '' then
add[#add + 1] = field[1]
add[#add + 1] = field[2]
end
end
id = redis.pcall(unpack(add))
end
if type(id) ~= 'table' then
places.take(of, place, 'm' .. id)
end
return id
end
return ordered
end
local function load_tagging()
local function allowed(command, key)
if command == 'XGROUP' then
return redis.acl_check_cmd(command, 'CREATE', key, '1', '1')
elseif command == 'XINFO' then
return redis.acl_check_cmd(command, 'STREAM', key, '1', '1')
elseif command == 'EXISTS' or command == 'DEL' or command == 'UNLINK' then
return redis.acl_check_cmd(command, key)
end
return redis.acl_check_cmd(command, key, '1', '1', '1', '1')
end
local function denied(commands, key, asked)
for at = 1, #commands do
local command = commands[at]
if not asked[command] then
if not allowed(command, key) then
return { err = "NOPERM the user may not run '" .. string.lower(command) .. "'" }
end
asked[command] = true
end
end
end
local tagging = { open = nil, wrong = nil, put = nil, replace = nil }
local MOST, MOST_TAGS = 64, 8
function tagging.open(key, limits)
local entries, age = string.match(limits, '(%d+) (%d+)')
local step = math.min(MOST, math.ceil(entries / 16))
return { key = key, entries = tonumber(entries), age = tonumber(age), step = step, count = nil, fresh = true }
end
function tagging.wrong(of)
local count = redis.pcall('ZCOUNT', of.key, '0', '0')
if type(count) == 'table' then
return count
end
of.count = count
return denied({ 'ZADD', 'ZREM', 'ZRANGE', 'PEXPIRE' }, of.key, {})
end
local function members(command, place, tags, scored)
command[#command + 1] = scored and '0' or nil
command[#command + 1] = '\\1' .. place .. tags
local count = 0
for tag in string.gmatch(tags, '\\1([^\\1]+)') do
count = count + 1
if count > MOST_TAGS then
break
end
command[#command + 1] = scored and '1' or nil
command[#command + 1] = tag .. '\\1' .. place
end
return command
end
local function oldest(of, most)
return redis.call('ZRANGE', of.key, '0', '0', 'BYSCORE', 'LIMIT', 0, most)
end
local function is_old(of, record)
return tonumber(string.match(record, '^\\1%a(%d+)') or 0) < now / 1000 - of.age
end
local function remove(of, records, must_go)
local command = { 'ZREM', of.key }
for _, record in ipairs(records) do
if not must_go(record) then
break
end
local place, tags = string.match(record, '^\\1([^\\1]*)(.*)$')
if place then
members(command, place, tags)
else
command[#command + 1] = record
end
of.count = of.count - 1
end
if #command > 2 then
redis.call(unpack(command))
end
end
function tagging.put(of, id, tags)
redis.call(unpack(members({ 'ZADD', of.key }, sortable(id), tags, true)))
of.count = of.count + 1
local fresh = of.fresh
if fresh then
of.fresh = false
redis.call('PEXPIRE', of.key, of.age)
end
if of.count - of.entries >= of.step or fresh and is_old(of, oldest(of, 1)[1]) then
remove(of, oldest(of, MOST), function(record)
return of.count > of.entries or is_old(of, record)
end)
end
end
function tagging.replace(of, id, tags)
local begin = '\\1' .. sortable(id) .. '\\1'
local records = redis.call('ZRANGE', of.key, '[' .. begin, '(\\1' .. sortable(id) .. '\\2', 'BYLEX', 'LIMIT', 0, 1)
remove(of, records, function()
return true
end)
if tags ~= '' then
tagging.put(of, id, tags)
end
end
return tagging
end
local append = { open = nil, prepare = nil, apply = nil, wrong = nil, split = nil, retag = nil }
local EVERY, LARGE = 64, 2048
function append.open(keys, from, limits)
local queue, most, entries, bytes, age, lossy, declare, names, tagged =
string.match(limits, '(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) ?([^;]*);?(.*)')
local ordered = queue ~= '0' and queue ~= '1' and load_ordered() or nil
local tagging = tagged ~= '' and load_tagging() or nil
return {
key = keys[from],
queue = queue ~= '0',
ordered = ordered,
busy = keys[from + 1],
queued = keys[from + 2],
tagging = tagging,
tags = tagging and tagging.open(keys[from + (ordered and 3 or 1)], tagged),
places = queue - 1,
last = nil,
most = tonumber(most),
counts = queue ~= '1' or most ~= '0',
entries = tonumber(entries),
bytes = tonumber(bytes),
age = tonumber(age),
lossy = lossy == '1',
declares = declare == '1',
names = names,
length = nil,
backlog = nil,
prepared = 0,
fresh = true,
bounds = nil,
count = nil,
put = nil,
}
end
local function limits_of(stream)
stream.bounds = stream.bounds or load_limits()
return stream.bounds
end
local function backlog_of(stream)
return stream.queue and stream.length or limits_of(stream).backlog(stream)
end
local function declare(stream)
for name in string.gmatch(stream.names, '%S+') do
local made = redis.pcall('XGROUP', 'CREATE', stream.key, name, '0', 'MKSTREAM')
if made.err and not string.match(made.err, '^BUSYGROUP') then
return made
end
end
end
function append.wrong(stream)
return stream.ordered and stream.ordered.wrong(stream) or stream.tagging and stream.tagging.wrong(stream.tags) or nil
end
function append.split(stream, payload)
local from = stream.tagging and string.find(payload, '\\1', 1, true)
if not from then
return payload, ''
end
return string.sub(payload, 1, from - 1), string.sub(payload, from)
end
function append.retag(stream, id, tags)
if stream.tagging then
stream.tagging.replace(stream.tags, id, tags)
end
end
function append.prepare(stream)
if not stream.length then
local length = redis.pcall('XLEN', stream.key)
if type(length) == 'table' then
return length
end
if stream.ordered or stream.tagging then
local wrong = append.wrong(stream)
if wrong then
return wrong
end
length = stream.ordered and length + redis.call('ZCARD', stream.queued) or length
end
if stream.count then
local more = stream.count()
if type(more) == 'table' then
return more
end
length = length + more
end
stream.length = length
stream.declares = stream.names ~= ''
and (stream.declares or (length == 0 or stream.ordered or stream.put) and redis.call('EXISTS', stream.key) == 0)
end
if stream.counts then
local most = stream.most - stream.prepared
if stream.most > 0 and stream.length >= most and backlog_of(stream) >= most then
return false
end
stream.prepared = stream.prepared + 1
end
return true
end
local function added(stream, payload)
local length = stream.length + 1
stream.length = length
if stream.backlog then
stream.backlog = stream.backlog + 1
end
if not stream.queue then
local every = #payload <= LARGE and EVERY or math.max(1, math.floor(EVERY * LARGE / #payload))
if length % every == 0 or (stream.fresh and stream.age > 0) then
local ok, trimmed = pcall(limits_of(stream).trim, stream)
stream.length = ok and length - trimmed or length
end
end
stream.fresh = false
end
function append.apply(stream, payload, trace, due)
local counts, declares = stream.counts, stream.declares
if counts then
stream.prepared = stream.prepared - 1
end
if declares then
local refused = declare(stream)
if refused then
return refused
end
stream.declares = false
end
local id, key, tags
local own = ''
if stream.tagging then
payload, tags = append.split(stream, payload)
end
if stream.ordered then
due, key = string.match(due, '^(%S*) ?(.*)$')
end
if due ~= '' then
due, own = string.match(due, '^([^;]*);?(.*)$')
end
if key and key ~= '' and due == '' then
id = stream.ordered.add(stream, key, payload, trace, own)
elseif stream.put then
id = stream.put(stream, payload, trace, due, own)
elseif trace == '' and due == '' and own == '' then
id = redis.pcall('XADD', stream.key, '*', 'd', payload)
else
local add = { 'XADD', stream.key, '*', 'd', payload }
if trace ~= '' then
add[#add + 1] = 't'
add[#add + 1] = trace
end
if due ~= '' then
add[#add + 1] = 'n'
add[#add + 1] = string.format('%.0f', due_at(due))
end
if own ~= '' then
add[#add + 1] = 'o'
add[#add + 1] = own
end
if key and key ~= '' then
add[#add + 1] = 'q'
add[#add + 1] = key
end
id = redis.pcall(unpack(add))
end
if (stream.ordered or stream.put) and type(id) == 'string' then
stream.last = id
end
if type(id) == 'table' then
if declares then
error(id)
end
return id
end
if tags and tags ~= '' then
stream.tagging.put(stream.tags, id, tags)
end
if counts then
added(stream, payload)
end
return id
end`, piece180, `local MOST_DELAYED, MOST_READY, MOST_BYTES, STEP = 2000, 1000, 262144, 500
local function is_delayed(delayed, id, left)
left.delayed = left.delayed - redis.call('ZCARD', delayed)
if left.delayed < 0 then
return true
end
local cursor, match = '0', '?' .. cmsgpack.pack(id) .. '*'
for _ = 1, 8 * MOST_DELAYED / STEP do
local page = redis.call('ZSCAN', delayed, cursor, 'MATCH', match, 'COUNT', STEP)
if page[2][1] then
return true
end
cursor = page[1]
if cursor == '0' then
return false
end
end
return true
end
local function is_ready(ready, id, left)
local first, wanted = '-', '\\0' .. sortable(id) .. '\\0'
for _ = 1, MOST_READY do
local page = redis.call('XRANGE', ready, first, '+', 'COUNT', 4)
for _, found in ipairs(page) do
for at, text in ipairs(found[2]) do
local name = found[2][at - 1]
if text == id and name == 'i' or name == 'm' and string.find(text, wanted, 1, true) then
return true
end
left.bytes = left.bytes - #text
end
end
left.ready = left.ready - #page
if #page < 4 then
return false
end
if left.bytes < 0 or left.ready < 0 then
return true
end
first = '(' .. page[4][1]
end
return true
end
local function unfinished(stream, id, list)
local known = {}
for at = 1, #list, 3 do
known[list[at]] = true
end
local all = redis.call('EXISTS', stream) == 1 and groups(stream) or {}
local here = redis.call('XRANGE', stream, id, id)[1] ~= nil
for _, group in ipairs(all) do
if not known[group.name] then
return 'groups'
end
if here and earlier(group['last-delivered-id'], id) then
return true
end
if here and group.pending > 0 and redis.call('XPENDING', stream, group.name, id, id, 1)[1] then
return true
end
end
local left = { delayed = MOST_DELAYED, ready = MOST_READY, bytes = MOST_BYTES }
for at = 1, #list, 3 do
if is_delayed(list[at + 2], id, left) or is_ready(list[at + 1], id, left) then
return true
end
end
return false
end
local limits = ARGV[1]
local streams = {}
local items = (#ARGV - 1) / 6
if items == 1 then
local all, id, seen, next, payload, names, name = KEYS, ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
do`, piece183, `end
return nil
end
local function item(all, id, seen, next, payload, names, name)`, piece183, `end
local replies, done = {}, 0
local each = #KEYS / items
local function run()
while done < items do
local key = done * each
local arg = 1 + done * 6
done = done + 1`, piece184, piece6),
}

/**
 * Create or change a schedule.
 *
 * Invariant: it changes only what the caller saw. Between a caller's read and its write nobody added an occurrence, changed, paused or
 * removed the schedule; otherwise nothing is written.
 * A process that dies before the script changed nothing; one that dies after it, everything.
 *
 * - key `all`: hash, sorted set of next occurrences, sorted set of ids, see lua/_lib/stream/schedule.lua
 * - `id`: schedule
 * - `seen`: text that the read returned; empty: there was no such schedule
 * - `definition`: JSON; empty to leave everything as it is, and only to note that it was declared
 * - `next`: its next occurrence in ms; empty for none
 * - `paused`: 1 or empty
 * - `declares`: 1 when the caller declares it
 * - replies 1 when it was written, 0 when the schedule was changed since, -1 when the stream has too many schedules
 * - on a full server refused: it may add a schedule
 */
export const streamScheduleWrite: Script<[], [...all: string[], id: Arg, seen: Arg, definition: Arg, next: Arg, paused: Arg, declares: Arg], number> = {
  name: 'stream/schedule_write',
  sha: '1e7784602a32362675abacbfb21f6f1159946f3e',
  batch: 16,
  sharedKeys: false,
  shared: [],
  keys: ["all"],
  manyKeys: true,
  args: ["id","seen","definition","next","paused","declares"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece180, `local MOST = 100000
local items = (#ARGV - 0) / 6
if items == 1 then
local all, id, seen, definition, next, paused, declares = KEYS, ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
do`, piece185, `end
return nil
end
local function item(all, id, seen, definition, next, paused, declares)`, piece185, `end
local replies, done = {}, 0
local each = #KEYS / items
local function run()
while done < items do
local key = done * each
local arg = 0 + done * 6
done = done + 1`, piece184, piece6),
}

/**
 * Read the schedules that are due, the earliest first.
 *
 * It returns at most 64, and stops after 256 KiB of definitions.
 *
 * - key `schedules`: hash, see lua/_lib/stream/schedule.lua
 * - key `due`: sorted set of next occurrences
 * - `skip`: due schedules to pass over
 * - replies Redis' time in ms; 1 when the stream has or has had schedules; ms until the first one that is not due yet, -1 without one; then the due schedules, see `schedule.state`
 */
export const streamSchedulesDue: Script<[], [schedules: string, due: string, skip: Arg], readonly Reply[]> = {
  name: 'stream/schedules_due',
  sha: '7c5b172aafc8d1fe69d40e61a87b422c69fbf977',
  batch: 1,
  sharedKeys: false,
  shared: [],
  keys: ["schedules","due"],
  args: ["skip"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece180, `local MOST, MOST_BYTES = 64, 262144
local items = #KEYS / 2
if items == 1 then
local schedules, due, skip = KEYS[1], KEYS[2], ARGV[1]
do`, piece186, `end
return nil
end
local function item(schedules, due, skip)`, piece186, `end
local replies, done = {}, 0
local own = #ARGV > 1 and 1 or 0
local function run()
while done < items do
local key = done * 2
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1])`, piece6),
}

/**
 * Read a page of schedules in the order of their ids.
 *
 * It ends after 256 KiB of definitions.
 *
 * - key `schedules`: hash, see lua/_lib/stream/schedule.lua
 * - key `due`: sorted set of next occurrences
 * - key `ids`: sorted set of ids
 * - `after`: id after which the page begins; empty for the first page
 * - `count`: most schedules, up to 1,000
 * - replies Redis' time in ms; 1 when there may be more; then the schedules, see `schedule.state`
 */
export const streamSchedulesList: Script<[], [schedules: string, due: string, ids: string, after: Arg, count: Arg], readonly Reply[]> = {
  name: 'stream/schedules_list',
  sha: 'fc3f88832cd6f9f3e9d7ad89a7c13bc32179a553',
  batch: 1,
  sharedKeys: false,
  shared: [],
  keys: ["schedules","due","ids"],
  args: ["after","count"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece1, piece180, `local MOST_BYTES = 262144
local items = #KEYS / 3
if items == 1 then
local schedules, due, ids, after, count = KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2]
do`, piece187, `end
return nil
end
local function item(schedules, due, ids, after, count)`, piece187, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 3
local arg = 0 + done * own
done = done + 1`, piece31, piece6),
}

/**
 * Settle a batch of deliveries of one worker: each is finished, to be handled again (now or later), or a dead letter. One
 * whose outcome is kept (outcomes.lua) is finished as a move to `done`.
 *
 * Invariant: only the consumer that has the lease of a delivery changes its entry. The entry is in exactly one place of its group
 * before and after. The script stores the number and the reply of the worker's last batch. A worker sends one batch at a time. If it
 * gets no reply, it sends the batch again under the same number and gets the first reply.
 * If a process dies before the script, the leases end; if it dies after it, the batch is done. The worker sends at most 256 finished
 * deliveries and 64 moves, and moves some 1 MiB.
 *
 * - shared keys `held`: places of keys (lua/_lib/stream/places.lua), then results and their times (lua/_lib/stream/outcomes.lua)
 * - shared `most`: places of a key; 0 without order
 * - shared `stops`: 1 when a dead letter stops its key
 * - shared `keep`: dead letters to keep, see lua/_lib/stream/keep_dead.lua
 * - shared `channels`: prefix of the pub/sub channels of outcomes
 * - shared `group`: group
 * - shared `consumer`: name of the worker's consumer
 * - shared `declared`: groups of a work queue, separated by spaces; - for an event log
 * - key `stream`: stream
 * - key `ready`: stream of entries that the group must handle again
 * - key `delayed`: sorted set of its entries that wait for a time
 * - key `dead`: stream of its dead letters
 * - key `settled`: string: number and reply of the worker's last batch
 * - `number`: number of this batch
 * - `finished`: JSON: two lists of positions, ascending: in the stream and in ready, where <position>/1:3 are the first three entries of a run; with order by key two lists of their places, and how many queued entries a worker may get at once
 * - `moves`: JSON list of [m for the stream or r for ready, position, new state, used attempts, fencing token, milliseconds, kind, reason or outcome]
 * - replies positions whose lease is lost, separated by spaces; a position in ready has a leading r
 * - on a full server runs: finishing frees memory; a failed entry is moved, which needs hardly any more
 */
export const streamSettle: Script<[held: readonly string[], most: Arg, stops: Arg, keep: Arg, channels: Arg, group: Arg, consumer: Arg, declared: Arg], [stream: string, ready: string, delayed: string, dead: string, settled: string, number: Arg, finished: Arg, moves: Arg], string> = {
  name: 'stream/settle',
  sha: '46ab9d4166b9e1ea42083cf91bbf670abd00dc54',
  batch: 1,
  sharedKeys: true,
  shared: ["most","stops","keep","channels","group","consumer","declared"],
  keys: ["stream","ready","delayed","dead","settled"],
  args: ["number","finished","moves"],
  returns: 'string',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece153, piece49, piece137, piece36, piece154, piece139, piece1, piece162, piece166, piece124, `local held = KEYS
local most = ARGV[1]
local stops = ARGV[2]
local keep = ARGV[3]
local channels = ARGV[4]
local group = ARGV[5]
local consumer = ARGV[6]
local declared = ARGV[7]
local DAY = 86400
local NONE = { from = 1 }
local MOST_PASSED_ON = 262144
local TYPES = { retrying = 'zset', delayed = 'zset', waiting = 'stream', dead = 'stream', done = 'hash' }
local items = (#ARGV - 7) / 3
if items == 1 then
local stream, ready, delayed, dead, settled, number, finished, moves = KEYS[#KEYS - items * 5 + 1], KEYS[#KEYS - items * 5 + 2], KEYS[#KEYS - items * 5 + 3], KEYS[#KEYS - items * 5 + 4], KEYS[#KEYS - items * 5 + 5], ARGV[8], ARGV[9], ARGV[10]
do`, piece188, `end
return nil
end
local function item(stream, ready, delayed, dead, settled, number, finished, moves)`, piece188, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * 5 + done * 5
local arg = 7 + done * 3
done = done + 1
local reply = item(KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], KEYS[key + 4], KEYS[key + 5], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`, piece6),
}

/**
 * Count the entries of a group by state, and list its consumers.
 *
 * Reads entries only when Redis does not know the lag, and then at most about 1,000 (`undelivered`).
 *
 * - key `of`: the stream; of the group ready, delayed, dead letters, the key that exists while it is paused, the two of places (lua/_lib/stream/places.lua), and entries of low priority (low.lua)
 * - `group`: group
 * - replies 1 when the group exists, entries ever added, undelivered, 1 when that is exact, ready or of low priority, pending, delayed, dead, paused, milliseconds since the oldest unfinished entry was added, queued; then name, pending and idle milliseconds of each consumer
 */
export const streamStats: Script<[], [...of: string[], group: Arg], readonly Reply[]> = {
  name: 'stream/stats',
  sha: 'e72ef77a79e4794add02bc8d42f06f05df94d2ab',
  batch: 1,
  sharedKeys: false,
  shared: [],
  keys: ["of"],
  manyKeys: true,
  args: ["group"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece36, piece37, piece38, `local function find(stream, group)
for _, found in ipairs(redis.call('EXISTS', stream) == 1 and groups(stream) or {}) do
if found.name == group then
return found
end
end
end
local items = (#ARGV - 0) / 1
if items == 1 then
local of, group = KEYS, ARGV[1]
do`, piece189, `end
return nil
end
local function item(of, group)`, piece189, `end
local replies, done = {}, 0
local each = #KEYS / items
local function run()
while done < items do
local key = done * each
local arg = 0 + done * 1
done = done + 1
local reply = item({ unpack(KEYS, key + 1, key + each) }, ARGV[arg + 1])`, piece6),
}

/**
 * Delete the entries of a work queue that every remaining group has finished, after a group was dropped.
 *
 * Invariant: an entry is deleted only if every declared group and every other group of the stream has finished it. A call reads 16
 * entries, or some 256 KiB. If a process dies, the next sweep deletes the rest.
 *
 * - shared `declared`: groups of the work queue, separated by spaces
 * - key `stream`: stream
 * - `first`: id to begin with, with a leading ( to exclude it; - at first
 * - replies where to continue; null when no further entry can be finished
 * - on a full server runs: it deletes entries
 */
export const streamSweep: Script<[declared: Arg], [stream: string, first: Arg], string | null> = {
  name: 'stream/sweep',
  sha: 'b84740b0ddc97f51ae8cb08e0228d6a16a8c4093',
  batch: 1,
  sharedKeys: false,
  shared: ["declared"],
  keys: ["stream"],
  args: ["first"],
  returns: 'string|null',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom`, piece49, piece36, piece37, piece137, piece153, piece154, piece1, `local declared = ARGV[1]
local STEP = 16
local items = #KEYS / 1
if items == 1 then
local stream, first = KEYS[1], ARGV[2]
do`, piece190, `end
return nil
end
local function item(stream, first)`, piece190, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 1 or 0
local function run()
while done < items do
local key = done * 1
local arg = 1 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1])`, piece6),
}

/**
 * Find the entries that have all of some tags, newest first.
 *
 * A call reads 1,000 entries of the first tag at most. Tags of entries that are gone are still there.
 *
 * - key `index`: sorted set of lua/_lib/stream/tagging.lua
 * - `tags`: 1 to 8 of `name=value`, separated by the byte 1
 * - `before`: id: only entries before it; empty for the newest
 * - `count`: most entries
 * - replies `before` of the next call, empty when nothing is left; then ids
 */
export const streamTagged: Script<[], [index: string, tags: Arg, before: Arg, count: Arg], readonly Reply[]> = {
  name: 'stream/tagged',
  sha: '86c18050f96a1633c8f738baf6525bec54da3b13',
  batch: 8,
  sharedKeys: false,
  shared: [],
  keys: ["index"],
  args: ["tags","before","count"],
  returns: 'list',
  text: /* @__PURE__ */ lines(`#!lua flags=no-writes`, piece142, piece1, `local STEP, ROUNDS = 100, 10
local items = #KEYS / 1
if items == 1 then
local index, tags, before, count = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
do`, piece191, `end
return nil
end
local function item(index, tags, before, count)`, piece191, `end
local replies, done = {}, 0
local own = #ARGV > 3 and 3 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])`, piece6),
}

/**
 * Take a token of a rate limiter for an entry that a worker is about to start. Where it is denied, set the entry aside until the limiter
 * may allow it; this uses up no attempt.
 *
 * Invariant: an entry is charged and stays with its worker, or it is set aside and nothing is charged, or neither because the worker does not
 * have it any more. Each denied entry of a subject is set aside until a time behind the one before, so that they come back at the pace of its
 * limit; those that would wait for longer than a minute come back at the end of that minute, spread over a quarter of it.
 * When the worker's process dies: before the call, the lease ends and nothing is charged. After a charge, the lease ends, the entry is handled
 * again and charged again. An entry that was set aside has no lease and comes back by itself. A call that is sent again because its reply was
 * lost charges again, or finds that the entry was set aside.
 * For a single GCRA rule this is called only when limiter/take.lua did not allow the entry, or its lease may end soon: see token-takes.ts.
 * The entries of a run (lua/_lib/stream/members.lua) leave it in order. One that is denied before Redis has the outcome of the one before it is
 * not moved: the worker sets it aside behind that outcome (settle.lua).
 *
 * - shared keys `of`: stream, stream of entries that the group must handle again, sorted set of those that wait for a time; with order by key its places (lua/_lib/stream/places.lua)
 * - shared `each`: how many keys an item has: those of a subject
 * - shared `most`: places of a key; 0 without order
 * - shared `group`: group
 * - shared `consumer`: name of the worker's consumer
 * - shared `declared`: groups of a work queue, separated by spaces; - for an event log
 * - shared `rules`: rules of the limiter, see lua/_lib/limiter/charging.lua
 * - key `own`: of the entry's subject: states, and logs, in the order in which the rules number them
 * - `where`: m for the stream or r for ready, and the position
 * - `place`: place of its key; empty: it has none
 * - `used`: attempts that it used up
 * - `fence`: fencing token
 * - `behind`: milliseconds until the last entry of the subject comes back that the worker has set aside
 * - `pace`: milliseconds between two of them
 * - replies "+" and the state of the rules; "-", the milliseconds for which it was set aside, a space and that state; "=" and the same when the worker has to set it aside; "l": the worker does not have it any more; Redis' time when the calendar periods of the rules do not contain it
 * - on a full server runs: the entry can be finished then, which frees memory; the state of a subject has a TTL
 */
export const streamTakeTokens: Script<[of: readonly string[], each: Arg, most: Arg, group: Arg, consumer: Arg, declared: Arg, rules: Arg], [...own: string[], where: Arg, place: Arg, used: Arg, fence: Arg, behind: Arg, pace: Arg], number | string> = {
  name: 'stream/take_tokens',
  sha: '795a75c335afe9824e9f34392c10be36dd9343c0',
  batch: 32,
  sharedKeys: true,
  shared: ["each","most","group","consumer","declared","rules"],
  keys: ["own"],
  manyKeys: true,
  args: ["where","place","used","fence","behind","pace"],
  returns: 'integer|string',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`, piece71, piece78, piece79, piece80, piece81, piece72, piece82, piece83, piece1, piece73, piece84, `local limiting = { rank = 1, texts = 1, fields = 2, open = nil, commands = nil, prepare = nil, apply = nil }
function limiting.open(group, _, _, _, fields, at)
group.of = charging.open(fields[at])
group.keys = tonumber(fields[at + 1])
end
function limiting.commands(group)
local commands = { 'GET', 'SET', 'SETRANGE' }
if next(group.of.owners) then
commands[4] = 'DEL'
end
return commands
end
local function text_of(reply)
local words = { reply[1] }
for at = reply[1] == 2 and 2 or 3, #reply do
words[#words + 1] = type(reply[at]) == 'number' and string.format('%.0f', math.floor(reply[at])) or reply[at]
end
return table.concat(words, ' ')
end
function limiting.prepare(group, texts, from, _, own)
if group.of.mistimed then
return nil, now
end
local cost = 0
for nth = 1, group.n do
cost = cost + texts[from + nth - 1]
end
local places = { unpack(own, group.own, group.own + group.keys - 1) }
local plan, wrong = charging.prepare(group.of, places, cost, 'take', '')
if not plan then
return nil, wrong
end
plan.text = text_of(plan.reply)
if not plan.allowed then
charging.apply(group.of, plan)
local lines = {}
for nth = 1, group.n do
lines[nth] = nth .. ' ' .. plan.text
end
return nil, table.concat(lines, '\\n')
end
return plan
end
function limiting.apply(group, plan)
charging.apply(group.of, plan)
return plan.text .. string.rep('\\n' .. plan.text, group.n - 1)
end`, piece122, `local WAIT = {
g = function(rule, tokens)
return rule.capacity == 0 and math.huge or (rule.level + tokens * rule.token - rule.capacity) / rule.drain
end,
f = function(rule)
return rule.start + rule.window - now
end,
c = function(rule)
return rule.finish - now
end,
w = function(rule, tokens)
local age, room = now - rule.start, rule.limit - rule.used - tokens
if room >= 0 then
return (rule.ticks - math.floor(room * rule.ticks / rule.before)) * rule.tick - age
end
local fits = math.min(rule.ticks, math.floor((rule.limit - tokens) * rule.ticks / rule.used))
return rule.window - age + (rule.ticks - fits) * rule.tick
end,
l = function(rule, tokens)
local numbers = {}
sliding_log.report(rule, numbers, tokens)
return numbers[2]
end,
}
local function waiting(of, tokens)
local longest = 0
for _, rule in ipairs(of.list) do
if rule.refuses and not rule.shadow then
longest = math.max(longest, rule.limit == 0 and math.huge or WAIT[rule.letter](rule, tokens))
end
end
return longest
end`, piece139, piece36, piece123, piece162, `local of = KEYS
local each = ARGV[1]
local most = ARGV[2]
local group = ARGV[3]
local consumer = ARGV[4]
local declared = ARGV[5]
local rules = ARGV[6]
local MOST_AHEAD, LONGEST_MS, SPREAD_MS, STEP_MS = 32, 60000, 15000, 1009
local stream, ready, delayed = of[1], of[2], of[3]
local limit = { own = 1, n = 1 }
limiting.open(limit, nil, nil, nil, { rules, each }, 1)
local places, held = placing(most, of[4], of[5], ready)
local asked = {}
local wrong = typed(stream, 'stream') or typed(ready, 'stream') or typed(delayed, 'zset') or held and places.wrong(held)
or denied(limiting.commands(limit), stream, asked) or denied({ 'XPENDING' }, stream, asked)
or held and denied({ 'HGET' }, stream, asked)
local COST = { '1' }
local next_ms = {}
local spread = 0
local leased = { [stream] = {}, [ready] = {} }
local ahead = 1
local function missing_right()
return denied({ 'XRANGE', 'XINFO', 'XTRIM', 'XACK', 'XDEL', 'ZADD' }, stream, asked)
or held and denied({ 'HSET', 'HINCRBY', 'HDEL' }, stream, asked) or nil
end
local function is_leased(key, position)
local known = leased[key]
if not known[position] then
local rows = redis.pcall('XPENDING', key, group, position, '+', ahead, consumer)
if rows.err and not string.match(rows.err, '^NOGROUP') then
error(rows)
end
ahead = math.min(2 * ahead, MOST_AHEAD)
for _, row in ipairs(rows) do
known[row[1]] = true
end
end
return known[position]
end
local function find_in_place(place, location)
if not held or place == '' then
return false, false
end
local value = places.get(held, place)
return places.run(location) and not places.is_in(value, location), places.follows(value, location)
end
local function delay_of(text, subject, behind, pace)
local blocked = string.match(text, '^2 (%d+)')
local least = math.ceil(math.max(1000, blocked or waiting(limit.of, 1)) / 1000)
if blocked then
return math.min(least, LONGEST_MS)
end
local ms = math.max(least, math.ceil(next_ms[subject] or tonumber(behind)))
next_ms[subject] = math.min(ms + tonumber(pace), LONGEST_MS + 1)
if ms <= LONGEST_MS then
return ms
end
spread = (spread + STEP_MS) % SPREAD_MS
return LONGEST_MS - spread
end
local function set_aside(key, where, position, base, used, fence, ms)
local delivery = (key == ready and entry.read_ready or entry.read)(key, position)
if delivery then
local due = math.ceil(now / 1000) + ms
delivery.a, delivery.f = tonumber(used), tonumber(fence)
entry.put_delayed(delayed, delivery, due)
if held and delivery.k then
places.move(held, delivery.k, where, places.later(due, delivery.i))
end
end
leased[key][base] = nil
if key == stream then
finishing(stream, group, declared, position)
elseif base == position or not delivery or not delivery.k or places.left(held, delivery.k, position) then
redis.call('XACK', ready, group, base)
redis.call('XDEL', ready, base)
end
end
local items = (#ARGV - 6) / 6
if items == 1 then
local own, where, place, used, fence, behind, pace = { unpack(KEYS, #KEYS - items * each + 1) }, ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11], ARGV[12]
do`, piece192, `end
return nil
end
local function item(own, where, place, used, fence, behind, pace)`, piece192, `end
local replies, done = {}, 0
local function run()
while done < items do
local key = #KEYS - items * each + done * each
local arg = 6 + done * 6
done = done + 1`, piece184, piece6),
}

/**
 * Let the workers of a stream publish their events for some time.
 *
 * A worker that does not get the message notices within ten seconds. So a Redis user that may not publish can watch, a little later.
 *
 * - key `watched`: string: exists while somebody watches the stream
 * - `lasts`: milliseconds
 * - `channels`: pub/sub channels that the workers of its groups follow, separated by spaces
 * - replies 1
 * - on a full server runs: one short key with a TTL
 */
export const streamWatch: Script<[], [watched: string, lasts: Arg, channels: Arg], number> = {
  name: 'stream/watch',
  sha: '8ffaeb2aecff36d0440dcd5f8cf8155c9c56d6e6',
  batch: 1,
  sharedKeys: false,
  shared: [],
  keys: ["watched"],
  args: ["lasts","channels"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua flags=allow-oom
local items = #KEYS / 1
if items == 1 then
local watched, lasts, channels = KEYS[1], ARGV[1], ARGV[2]
do`, piece193, `end
return nil
end
local function item(watched, lasts, channels)`, piece193, `end
local replies, done = {}, 0
local own = #ARGV > 2 and 2 or 0
local function run()
while done < items do
local key = done * 1
local arg = 0 + done * own
done = done + 1
local reply = item(KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])`, piece6),
}

/**
 * Append to the output of an entry that a worker has, for those that wait for its result.
 *
 * Invariant: an output has the text of one delivery, in the order in which it was written. The first write of a later delivery replaces it,
 * and a worker without the lease writes nothing. The key is a string: the fence of the delivery in 16 digits, then its text.
 * Its key ends by its TTL, so nothing has to delete it when the entry ends.
 *
 * - shared `group`: group
 * - shared `consumer`: name of the worker's consumer
 * - shared `channels`: prefix of the pub/sub channels of outcomes
 * - key `stream`: stream, or the group's stream of ready entries
 * - key `output`: output of the entry
 * - `position`: position of the entry there
 * - `id`: entry
 * - `fence`: fence of the delivery, in 16 digits
 * - `lasts`: milliseconds for which the output is kept
 * - `text`: text to append
 * - replies bytes of the output; 0 when the worker does not have the entry; -1 when the output would be too long
 * - on a full server refused: it stores text
 */
export const streamWrite: Script<[group: Arg, consumer: Arg, channels: Arg], [stream: string, output: string, position: Arg, id: Arg, fence: Arg, lasts: Arg, text: Arg], number> = {
  name: 'stream/write',
  sha: '730777bb5c17dc1f03a78ef02d460d040bafae3c',
  batch: 32,
  sharedKeys: false,
  shared: ["group","consumer","channels"],
  keys: ["stream","output"],
  args: ["position","id","fence","lasts","text"],
  returns: 'integer',
  text: /* @__PURE__ */ lines(`#!lua`, piece153, piece1, `local group = ARGV[1]
local consumer = ARGV[2]
local channels = ARGV[3]
local HEAD, MOST = 16, 1048576
local items = #KEYS / 2
if items == 1 then
local stream, output, position, id, fence, lasts, text = KEYS[1], KEYS[2], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
do`, piece194, `end
return nil
end
local function item(stream, output, position, id, fence, lasts, text)`, piece194, `end
local replies, done = {}, 0
local own = #ARGV > 8 and 5 or 0
local function run()
while done < items do
local key = done * 2
local arg = 3 + done * own
done = done + 1`, piece29, piece6),
}

export type { Reply }
