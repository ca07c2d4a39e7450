#include "server/ctl/completion.h"
#include "bootseal/exit.h"
#include "server/ctl/commands.h"
#include "server/ctl/streams.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* What every command takes. */
static const struct command_option globals[] = {
    { "dir", "DIR" }, { "json", NULL }, { "color", "WHEN" }, { "help", NULL }, { "version", NULL }, { NULL, NULL },
};

static void put_options(const struct command_option *options, size_t max, const char *separator)
{
    for (size_t i = 0; i < max && options[i].name != NULL; i++)
        (void)printf("%s--%s%s", separator, options[i].name, options[i].value != NULL ? "=" : "");
}

static void put_nouns(void)
{
    const char *noun;

    (void)fputs("init", stdout);
    for (size_t i = 0; (noun = command_noun(i)) != NULL; i++)
        (void)printf(" %s", noun);
}

static void put_verbs(const char *noun)
{
    const char *blank = "";

    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(commands[i].noun, noun) != 0 || commands[i].verb == NULL)
            continue;
        (void)printf("%s%s", blank, commands[i].verb);
        blank = " ";
    }
}

static const char *positional(const struct command *command)
{
    if (command->kind == COMMAND_COMPLETION)
        return "shells";
    return command->argument != NULL && strcmp(command->argument, "FILE") == 0 ? "files" : "none";
}

/* One table for both shells: "noun verb" (or "noun") to what may follow. */
static void put_cases(void)
{
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];

        (void)printf("    '%s %s') kind=%s; options='", command->noun, command->verb != NULL ? command->verb : "",
                     positional(command));
        put_options(command->options, COMMAND_OPTIONS_MAX, " ");
        (void)puts("' ;;");
    }
    (void)puts("    'init ') kind=folders; options=' --name= --listen=' ;;");
}

static void put_verb_cases(void)
{
    const char *noun;

    for (size_t i = 0; (noun = command_noun(i)) != NULL; i++) {
        (void)printf("    %s) verbs='", noun);
        put_verbs(noun);
        (void)puts("' ;;");
    }
}

/* Words before the cursor that are no options: noun, and verb where the noun has some. */
static const char bash_head[] =
    "# bash completion for bootsealctl. Made by: bootsealctl completion bash\n"
    "_bootsealctl() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} noun= verb= verbs= kind=none options= word i\n"
    "    if [ \"$cur\" = = ] || [ \"${COMP_WORDS[COMP_CWORD-1]}\" = = ]; then\n"
    "        return\n"
    "    fi\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        case $word in\n"
    "        -* | =) continue ;;\n"
    "        esac\n"
    "        if [ \"${COMP_WORDS[i-1]}\" = = ]; then continue; fi\n"
    "        if [ -z \"$noun\" ]; then noun=$word; elif [ -z \"$verb\" ]; then verb=$word; fi\n"
    "    done\n"
    "    case $noun in\n";
static const char bash_middle[] = "    esac\n"
                                  "    case \" $verbs \" in\n"
                                  "    *\" $verb \"*) ;;\n"
                                  "    *) verb= ;;\n"
                                  "    esac\n"
                                  "    case \"$noun $verb\" in\n";
static const char bash_tail[] = "' -- \"$cur\"))\n"
                                "    elif [[ $cur == -* ]]; then\n"
                                "        COMPREPLY=($(compgen -W \"$globals $options\" -- \"$cur\"))\n"
                                "        if [[ ${COMPREPLY[0]-} == *= ]]; then compopt -o nospace; fi\n"
                                "    elif [ -n \"$verbs\" ] && [ -z \"$verb\" ]; then\n"
                                "        COMPREPLY=($(compgen -W \"$verbs\" -- \"$cur\"))\n"
                                "        if [ \"$kind\" = none ] && [ ${#COMPREPLY[@]} -eq 0 ]; then return; fi\n"
                                "    else\n"
                                "        case $kind in\n"
                                "        files) compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
                                "        folders) compopt -o filenames; COMPREPLY=($(compgen -d -- \"$cur\")) ;;\n"
                                "        shells) COMPREPLY=($(compgen -W 'bash zsh' -- \"$cur\")) ;;\n"
                                "        esac\n"
                                "    fi\n"
                                "}\n"
                                "complete -F _bootsealctl bootsealctl\n";

static void put_bash(void)
{
    (void)fputs(bash_head, stdout);
    put_verb_cases();
    (void)fputs(bash_middle, stdout);
    put_cases();
    (void)fputs("    esac\n    local globals='", stdout);
    put_options(globals, SIZE_MAX, " ");
    (void)fputs("'\n    if [ -z \"$noun\" ] && [[ $cur != -* ]]; then\n        COMPREPLY=($(compgen -W '", stdout);
    put_nouns();
    (void)fputs(bash_tail, stdout);
}

static const char zsh_head[] = "#compdef bootsealctl\n"
                               "# zsh completion for bootsealctl. Made by: bootsealctl completion zsh\n"
                               "_bootsealctl() {\n"
                               "    local noun= verb= verbs= kind=none options= globals word\n"
                               "    for word in ${words[2,CURRENT-1]}; do\n"
                               "        case $word in\n"
                               "        -*) continue ;;\n"
                               "        esac\n"
                               "        if [[ -z $noun ]]; then noun=$word; elif [[ -z $verb ]]; then verb=$word; fi\n"
                               "    done\n"
                               "    case $noun in\n";
static const char zsh_middle[] = "    esac\n"
                                 "    [[ \" $verbs \" == *\" $verb \"* ]] || verb=\n"
                                 "    case \"$noun $verb\" in\n";
static const char zsh_tail[] = "\n"
                               "    elif [[ $words[CURRENT] == -* ]]; then\n"
                               "        compadd -S '' -- ${(M)${=globals}:#*=} ${(M)${=options}:#*=}\n"
                               "        compadd -- ${${=globals}:#*=} ${${=options}:#*=}\n"
                               "    elif [[ -n $verbs && -z $verb ]]; then\n"
                               "        compadd -- ${=verbs}\n"
                               "    else\n"
                               "        case $kind in\n"
                               "        files) _files ;;\n"
                               "        folders) _files -/ ;;\n"
                               "        shells) compadd -- bash zsh ;;\n"
                               "        esac\n"
                               "    fi\n"
                               "}\n"
                               "compdef _bootsealctl bootsealctl\n";

static void put_zsh(void)
{
    (void)fputs(zsh_head, stdout);
    put_verb_cases();
    (void)fputs(zsh_middle, stdout);
    put_cases();
    (void)fputs("    esac\n    globals='", stdout);
    put_options(globals, SIZE_MAX, " ");
    (void)fputs("'\n    if [[ -z $noun && $words[CURRENT] != -* ]]; then\n        compadd -- ", stdout);
    put_nouns();
    (void)fputs(zsh_tail, stdout);
}

int ctl_completion(const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        put_bash();
    else if (strcmp(shell, "zsh") == 0)
        put_zsh();
    else {
        (void)fprintf(stderr, "bootsealctl: no completion for '%s'; there is: bootsealctl completion bash|zsh\n",
                      shell);
        return BS_EXIT_USAGE;
    }
    return streams_end();
}
